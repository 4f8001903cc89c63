import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activeAt, meet, nextEdge, type Schedule, scheduleProblems } from './index.ts';

const berlin = 'Europe/Berlin';
const newYork = 'America/New_York';
/** When each edge is, from long before on. */
const edges = (schedule: Schedule) => {
  const first = nextEdge(schedule, '1970-01-01T00:00:00Z');
  const second = first && nextEdge(schedule, first.at);
  return [first, second].flatMap((edge) => (edge ? [`${edge.at} ${edge.isActive ? 'on' : 'off'}`] : []));
};

describe('a window', () => {
  const winter = { start: '2026-12-24T18:00', end: '2027-01-02T08:00:30', timeZone: berlin };
  test('is from its start up to its end, by the clocks of its zone', () => {
    expect(edges(winter)).toEqual(['2026-12-24T17:00:00.000Z on', '2027-01-02T07:00:30.000Z off']);
    expect(edges({ ...winter, timeZone: newYork })).toEqual([
      '2026-12-24T23:00:00.000Z on',
      '2027-01-02T13:00:30.000Z off',
    ]);
    expect(activeAt(winter, '2026-12-24T16:59:59.999Z')).toBe(false);
    expect(activeAt(winter, '2026-12-24T17:00:00Z')).toBe(true);
    expect(activeAt(winter, '2026-12-24T18:00:00+01:00')).toBe(true);
    expect(activeAt(winter, '2027-01-02T07:00:29.999Z')).toBe(true);
    expect(activeAt(winter, '2027-01-02T07:00:30Z')).toBe(false);
  });
  test('without a start was always on, without an end stays on', () => {
    expect(edges({ end: '2026-07-01T00:00', timeZone: 'UTC' })).toEqual(['2026-07-01T00:00:00.000Z off']);
    expect(activeAt({ end: '2026-07-01T00:00', timeZone: 'UTC' }, '1999-01-01T00:00:00Z')).toBe(true);
    expect(edges({ start: '2026-07-01T00:00', timeZone: 'UTC' })).toEqual(['2026-07-01T00:00:00.000Z on']);
    expect(activeAt({ start: '2026-07-01T00:00', timeZone: 'UTC' }, '2199-01-01T00:00:00Z')).toBe(true);
    expect(edges({ timeZone: 'UTC' })).toEqual([]);
    expect(activeAt({ timeZone: 'UTC' }, '2026-01-01T00:00:00Z')).toBe(true);
  });
  test('that ends before it starts is never on and has no edge', () => {
    const never = { start: '2026-07-02T00:00', end: '2026-07-01T00:00', timeZone: 'UTC' };
    expect(edges(never)).toEqual([]);
    expect(activeAt(never, '2026-07-01T12:00:00Z')).toBe(false);
  });
});

describe('daylight saving', () => {
  // Clocks skip 2:00 to 3:00 at these moments, and show 1:00 to 2:00 or 2:00 to 3:00 twice at those.
  const rows: readonly (readonly [string, Schedule, readonly string[]])[] = [
    [
      'a time that is skipped is the moment of the skip',
      { start: '2026-03-29T02:30', end: '2026-03-29T03:30', timeZone: berlin },
      ['2026-03-29T01:00:00.000Z on', '2026-03-29T01:30:00.000Z off'],
    ],
    [
      'the same in New York',
      { start: '2026-03-08T02:30', end: '2026-03-08T03:00:01', timeZone: newYork },
      ['2026-03-08T07:00:00.000Z on', '2026-03-08T07:00:01.000Z off'],
    ],
    [
      'a window that is skipped whole is none',
      { start: '2026-03-29T02:10', end: '2026-03-29T02:50', timeZone: berlin },
      [],
    ],
    [
      'of a time that comes twice the first counts',
      { start: '2026-10-25T02:30', end: '2026-10-25T02:45', timeZone: berlin },
      ['2026-10-25T00:30:00.000Z on', '2026-10-25T00:45:00.000Z off'],
    ],
    [
      'the same in New York, up to an end after both',
      { start: '2026-11-01T01:30', end: '2026-11-01T02:00', timeZone: newYork },
      ['2026-11-01T05:30:00.000Z on', '2026-11-01T07:00:00.000Z off'],
    ],
    [
      'a day that a zone skipped is the moment of the skip',
      { start: '2011-12-30T12:00', end: '2011-12-31T00:01', timeZone: 'Pacific/Apia' },
      ['2011-12-30T10:00:00.000Z on', '2011-12-30T10:01:00.000Z off'],
    ],
    [
      'half hours count too',
      { start: '2026-10-04T02:10', end: '2026-10-04T02:40', timeZone: 'Australia/Lord_Howe' },
      ['2026-10-03T15:30:00.000Z on', '2026-10-03T15:40:00.000Z off'],
    ],
  ];
  test.each(rows)('%s', (_, schedule, expected) => expect(edges(schedule)).toEqual(expected));
});

const pad = (value: number) => String(value).padStart(2, '0');
/** Days around the changes of both zones, and others. */
const day = fc.constantFrom('2026-03-08', '2026-03-29', '2026-10-25', '2026-11-01', '2026-07-15', '2027-03-28');
const local = fc
  .tuple(day, fc.nat({ max: 23 }), fc.nat({ max: 59 }))
  .map(([date, hour, minute]) => `${date}T${pad(hour)}:${pad(minute)}`);
const timeZone = fc.constantFrom(berlin, newYork, 'UTC', 'Asia/Kathmandu', 'Australia/Lord_Howe');
const schedules = fc.record({
  start: fc.option(local, { nil: undefined }),
  end: fc.option(local, { nil: undefined }),
  timeZone,
});
const instant = fc
  .integer({ min: Date.parse('2026-03-07T00:00:00Z') / 1_000, max: Date.parse('2027-03-30T00:00:00Z') / 1_000 })
  .map((seconds) => new Date(seconds * 1_000).toISOString());

/** What the clocks of a zone show, as the platform says it. */
const clock = (at: string, zone: string): string =>
  new Date(at).toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T').slice(0, 16);

describe('edges', () => {
  test('are the first moment at which the clocks show that time or a later one', () => {
    fc.assert(
      fc.property(local, timeZone, (start, zone) => {
        const at = nextEdge({ start, timeZone: zone }, '1970-01-01T00:00:00Z')?.at ?? '';
        expect(clock(at, zone) >= start).toBe(true);
        for (const before of [1, 60_000, 600_000, 5_400_000]) {
          expect(clock(new Date(Date.parse(at) - before).toISOString(), zone) < start).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
  test('come in the order of their local times', () => {
    fc.assert(
      fc.property(local, local, timeZone, (a, b, zone) => {
        const [early, late] = [a, b]
          .toSorted()
          .map((start) => nextEdge({ start, timeZone: zone }, '1970-01-01T00:00:00Z'));
        expect((early?.at ?? '') <= (late?.at ?? '')).toBe(true);
      }),
    );
  });
  test('alternate, and after each it is as the edge says until the next', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        let isActive = activeAt(schedule, '1970-01-01T00:00:00Z');
        let from = '1970-01-01T00:00:00Z';
        for (let edge = nextEdge(schedule, from); edge; edge = nextEdge(schedule, from)) {
          expect(edge.isActive).toBe(!isActive);
          expect(activeAt(schedule, new Date(Date.parse(edge.at) - 1).toISOString())).toBe(isActive);
          expect(activeAt(schedule, edge.at)).toBe(edge.isActive);
          expect(Date.parse(edge.at)).toBeGreaterThan(Date.parse(from));
          [isActive, from] = [edge.isActive, edge.at];
        }
        expect(activeAt(schedule, '2199-12-31T00:00:00Z')).toBe(isActive);
      }),
    );
  });
  test('are not missed by a clock that jumps, however far and in whichever direction', () => {
    fc.assert(
      fc.property(schedules, fc.array(instant, { minLength: 1, maxLength: 10 }), (schedule, jumps) => {
        for (const at of jumps) {
          const next = nextEdge(schedule, at);
          // Whether it is on follows from the instant alone, and so does the timer to wait for.
          if (next) expect(next.isActive).toBe(!activeAt(schedule, at));
          if (next) expect(next.at > at).toBe(true);
        }
      }),
    );
  });
});

describe('a schedule that is none is refused, naming field and fix', () => {
  const wrong: readonly (readonly [Schedule, string, RegExp])[] = [
    [{ start: '2026-01-01T00:00', timeZone: 'Europe/Atlantis' }, 'timeZone', /Europe\/Berlin/],
    [{ start: '2026-01-01T00:00Z', timeZone: 'UTC' }, 'start', /without an offset/],
    [{ end: '2026-02-30T00:00', timeZone: 'UTC' }, 'end', /no such day/],
    [{ end: '2026-02-20T24:00', timeZone: 'UTC' }, 'end', /no such day/],
    [{ end: '1870-02-20T12:00', timeZone: 'UTC' }, 'end', /1970 to 2199/],
    [{ start: '2026-01-02T00:00', end: '2026-01-02T00:00', timeZone: 'UTC' }, 'end', /later one/],
    [{ start: '2026-03-29T02:10', end: '2026-03-29T02:50', timeZone: berlin }, 'end', /in this time zone/],
    [{ timeZone: 'UTC' }, 'start', /always on/],
  ];
  test.each(wrong)('%j', (schedule, field, message) =>
    expect(scheduleProblems(schedule, 'spec.schedule')).toMatchObject([
      { path: `spec.schedule.${field}`, message: expect.stringMatching(message) },
    ]),
  );
  test('and one that is right is not', () =>
    expect(scheduleProblems({ start: '2026-01-01T00:00', timeZone: berlin }, 'spec.schedule')).toEqual([]));
  test('nothing is guessed from it', () => {
    expect(() => activeAt({ start: 'soon', timeZone: 'UTC' }, '2026-01-01T00:00:00Z')).toThrow(/no local time/);
    expect(() => activeAt({ timeZone: 'UTC' }, 'now')).toThrow(/no instant/);
  });
});

test('two windows meet where there is a moment of both; the end of one is no moment of it', () => {
  const of = (start?: string, end?: string): Schedule => ({ start, end, timeZone: berlin });
  expect(meet(null, null)).toBe(true);
  expect(meet(null, of('2026-12-24T18:00'))).toBe(true);
  expect(meet(of(undefined, '2026-12-24T18:00'), of('2026-12-24T18:00'))).toBe(false);
  expect(meet(of(undefined, '2026-12-24T18:01'), of('2026-12-24T18:00'))).toBe(true);
  expect(meet(of('2026-01-01T00:00', '2026-02-01T00:00'), of('2026-03-01T00:00'))).toBe(false);
});
