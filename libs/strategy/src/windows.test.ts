import type { WindowGate } from '@molthub/contracts';
import { nextEdge } from '@molthub/layers';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowAt } from './windows.ts';

const berlin = 'Europe/Berlin';
const newYork = 'America/New_York';
const state = (gate: WindowGate, at: string) => {
  const { open, changesAt } = windowAt(gate, new Date(at));
  return `${open ? 'open' : 'closed'} until ${changesAt?.toISOString() ?? 'nothing known'}`;
};
const allow = (cron: string, minutes: number, timezone = berlin): WindowGate => ({
  timezone,
  allow: [{ cron, minutes }],
});
const deny = (cron: string, minutes: number, timezone = berlin): WindowGate => ({
  timezone,
  deny: [{ cron, minutes }],
});

describe('a window', () => {
  test('is open from its time up to its end, by the clocks of its zone', () => {
    const nightly = allow('0 22 * * *', 120);
    expect(state(nightly, '2026-07-01T19:59:59.999Z')).toBe('closed until 2026-07-01T20:00:00.000Z');
    expect(state(nightly, '2026-07-01T20:00:00Z')).toBe('open until 2026-07-01T22:00:00.000Z');
    expect(state(nightly, '2026-07-01T21:59:59.999Z')).toBe('open until 2026-07-01T22:00:00.000Z');
    expect(state(nightly, '2026-07-01T22:00:00Z')).toBe('closed until 2026-07-02T20:00:00.000Z');
    expect(state(nightly, '2026-12-01T20:30:00Z')).toBe('closed until 2026-12-01T21:00:00.000Z');
    expect(state(allow('0 22 * * *', 120, newYork), '2026-07-01T20:30:00Z')).toBe(
      'closed until 2026-07-02T02:00:00.000Z',
    );
  });
  test('goes over midnight, and over a weekend', () => {
    expect(state(allow('30 23 * * *', 60), '2026-07-01T22:10:00Z')).toBe('open until 2026-07-01T22:30:00.000Z');
    const weekend = deny('0 18 * * FRI', 62 * 60);
    expect(state(weekend, '2026-11-27T16:59:00Z')).toBe('open until 2026-11-27T17:00:00.000Z');
    expect(state(weekend, '2026-11-29T12:00:00Z')).toBe('closed until 2026-11-30T07:00:00.000Z');
  });
  test('that is longer than it takes until the next goes on and on', () => {
    expect(state(allow('0 0 * * *', 1_501), '2026-07-01T12:00:00Z')).toBe('open until nothing known');
    // The day on which clocks go back is an hour longer.
    expect(state(allow('0 0 * * *', 1_441), '2026-07-01T12:00:00Z')).toBe('open until 2026-10-25T22:01:00.000Z');
    expect(state(allow('0 0 * * MON-WED', 1_500), '2026-06-29T12:00:00Z')).toBe('open until 2026-07-01T23:00:00.000Z');
    expect(state(deny('*/5 * * * *', 5), '2026-07-01T12:00:00Z')).toBe('closed until nothing known');
    // Minute by minute nobody looks as far as the next weekend, so nothing is said of it.
    const minutes = { ...allow('* * * * *', 1), ...deny('0 0 * * SAT', 60) };
    expect(state(minutes, '2026-07-01T12:00:00Z')).toBe('open until nothing known');
    expect(state(minutes, '2026-07-03T20:00:00Z')).toBe('open until 2026-07-03T22:00:00.000Z');
  });
  test('on the 29th of February waits for the next leap year', () => {
    const leap = allow('0 12 29 2 *', 60, 'UTC');
    expect(state(leap, '2026-03-01T00:00:00Z')).toBe('closed until 2028-02-29T12:00:00.000Z');
    expect(state(leap, '2028-02-29T12:30:00Z')).toBe('open until 2028-02-29T13:00:00.000Z');
    expect(state(leap, '2096-03-01T00:00:00Z')).toBe('closed until 2104-02-29T12:00:00.000Z');
  });
  test('says why it is as it is, and until when, by its own clocks', () => {
    expect(windowAt(allow('0 22 * * *', 120), new Date('2026-07-01T12:00:00Z')).message).toMatch(
      /^Closed outside every allow, until 2026-07-01 22:00 \(Europe\/Berlin\)\.$/,
    );
    expect(windowAt(deny('0 18 * * FRI', 60), new Date('2026-11-27T17:30:00Z')).message).toMatch(
      /^Closed by deny\[0\] \(0 18 \* \* FRI, 60 min\), until 2026-11-27 19:00 /,
    );
  });
});

describe('allow and deny', () => {
  const both: WindowGate = {
    timezone: 'UTC',
    allow: [
      { cron: '0 8 * * *', minutes: 240 },
      { cron: '0 10 * * *', minutes: 360 },
    ],
    deny: [
      { cron: '0 9 * * *', minutes: 30 },
      { cron: '15 9 * * *', minutes: 30 },
      { cron: '0 0 24-26 12 *', minutes: 1_440 },
    ],
  };
  test('what is denied is never allowed', () => {
    expect(state(both, '2026-07-01T07:00:00Z')).toBe('closed until 2026-07-01T08:00:00.000Z');
    expect(state(both, '2026-07-01T08:00:00Z')).toBe('open until 2026-07-01T09:00:00.000Z');
    expect(state(both, '2026-07-01T09:00:00Z')).toBe('closed until 2026-07-01T09:45:00.000Z');
    expect(state(both, '2026-07-01T09:45:00Z')).toBe('open until 2026-07-01T16:00:00.000Z');
    expect(state(both, '2026-12-23T16:00:00Z')).toBe('closed until 2026-12-27T08:00:00.000Z');
  });
  test('without an allow, all that is not denied is', () => {
    expect(state(deny('0 9 * * *', 30, 'UTC'), '2026-07-01T09:30:00Z')).toBe('open until 2026-07-02T09:00:00.000Z');
    expect(state({ timezone: 'UTC' }, '2026-07-01T09:30:00Z')).toBe('open until nothing known');
  });
  test('that never leave room are closed for good, and it takes no time to say so', () => {
    const never: WindowGate = { ...allow('0 8 * * *', 60), ...deny('0 7-9 * * *', 60) };
    expect(state(never, '2026-07-01T00:00:00Z')).toBe('closed until nothing known');
    const crowded: WindowGate = {
      timezone: berlin,
      allow: Array.from({ length: 20 }, (_, at) => ({ cron: `${at} * * * *`, minutes: 1 })),
      deny: Array.from({ length: 20 }, () => ({ cron: '* * * * *', minutes: 1 })),
    };
    expect(state(crowded, '2026-07-01T00:00:00Z')).toBe('closed until nothing known');
  });
});

describe('daylight saving', () => {
  // Clocks skip 2:00 to 3:00 at 01:00Z in Berlin and 07:00Z in New York, and show 2:00 to 3:00 or 1:00 to 2:00 twice.
  const rows: readonly (readonly [string, WindowGate, string, string])[] = [
    ['inside the missing hour it opens after it', allow('30 2 * * *', 60), '2026-03-29T00:59:00Z', '01:00 to 02:00'],
    ['so does one of several times', allow('30 2,14 * * *', 60), '2026-03-29T00:59:00Z', '01:00 to 02:00'],
    ['the same in New York', allow('15 2 * * *', 30, newYork), '2026-03-08T06:59:00Z', '07:00 to 07:30'],
    [
      'over the missing hour it is open as long as ever',
      allow('30 1 * * *', 60),
      '2026-03-29T00:00:00Z',
      '00:30 to 01:30',
    ],
    [
      'inside the doubled hour it opens at the first',
      allow('30 2 * * *', 60),
      '2026-10-25T00:00:00Z',
      '00:30 to 01:30',
    ],
    ['and not again at the second', allow('30 2 * * *', 45), '2026-10-25T01:20:00Z', '01:30 to 02:15 a day later'],
    ['the same in New York', allow('30 1 * * *', 20, newYork), '2026-11-01T05:00:00Z', '05:30 to 05:50'],
    [
      'every half hour is both of the doubled hour',
      allow('*/30 2 * * *', 10),
      '2026-10-25T00:45:00Z',
      '01:00 to 01:10',
    ],
    [
      'every half hour skips the missing hour',
      allow('*/30 2 * * *', 10),
      '2026-03-29T00:45:00Z',
      '00:00 to 00:10 a day later',
    ],
    ['over midnight of the long day', allow('0 23 * * *', 120), '2026-10-25T12:00:00Z', '22:00 to 00:00'],
  ];
  test.each(rows)('%s', (_, gate, at, expected) => {
    const opens = windowAt(gate, new Date(at)).changesAt ?? new Date(Number.NaN);
    const closes = windowAt(gate, opens);
    const days = Math.floor(opens.getTime() / 86_400_000) - Math.floor(Date.parse(at) / 86_400_000) === 1;
    const clock = (date: Date | null) => date?.toISOString().slice(11, 16) ?? '';
    expect(windowAt(gate, new Date(at)).open).toBe(false);
    expect(closes.open).toBe(true);
    expect(`${clock(opens)} to ${clock(closes.changesAt)}${days ? ' a day later' : ''}`).toBe(expected);
  });
});

describe('whatever the gate', () => {
  const two = fc.integer({ min: 0, max: 23 });
  const cron = fc.oneof(
    fc.tuple(fc.integer({ min: 0, max: 59 }), two).map(([minute, hour]) => `${minute} ${hour} * * *`),
    fc.constantFrom('*/20 * * * *', '0 */4 * * *', '30 1,2 * * *', '0 22 * * FRI', '0 0 L * *', '0 3 29 3 *'),
  );
  const windows = fc.array(fc.record({ cron, minutes: fc.integer({ min: 1, max: 2_000 }) }), {
    minLength: 1,
    maxLength: 3,
  });
  const gates = fc.record(
    { timezone: fc.constantFrom(berlin, newYork, 'UTC', 'Australia/Lord_Howe'), allow: windows, deny: windows },
    { requiredKeys: ['timezone'] },
  );
  // Around the days on which the clocks of these zones change.
  const moment = fc.oneof(
    ...['2026-03-08', '2026-03-29', '2026-04-05', '2026-10-04', '2026-10-25', '2026-11-01'].map((day) =>
      fc.integer({ min: -1_500, max: 3_000 }).map((minutes) => new Date(Date.parse(day) + minutes * 60_000)),
    ),
  );
  test('it stays as it is until the moment that was told, and then it does not', () => {
    fc.assert(
      fc.property(
        gates,
        moment,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
        (gate, at, parts) => {
          const { open, changesAt } = windowAt(gate, at);
          if (changesAt === null) return;
          expect(changesAt.getTime()).toBeGreaterThan(at.getTime());
          expect(windowAt(gate, changesAt).open).toBe(!open);
          const between = [1, ...parts].map((part) => Math.floor((changesAt.getTime() - 1 - at.getTime()) * part));
          for (const ms of between) expect(windowAt(gate, new Date(at.getTime() + ms)).open).toBe(open);
        },
      ),
      { numRuns: 100 },
    );
  });
  test('a time of day is found where schedules of layers find it, over each change of clocks', () => {
    const days = fc.constantFrom('2026-03-08', '2026-03-29', '2026-07-15', '2026-10-04', '2026-10-25', '2026-11-01');
    fc.assert(
      fc.property(gates, days, two, fc.integer({ min: 0, max: 59 }), ({ timezone }, day, hour, minute) => {
        const clock = [hour, minute].map((value) => String(value).padStart(2, '0')).join(':');
        const edge = nextEdge({ start: `${day}T${clock}`, timeZone: timezone }, '1970-01-01T00:00:00Z');
        const start = Date.parse(edge?.at ?? '');
        const isOpen = (ms: number) => windowAt(allow(`${minute} ${hour} * * *`, 30, timezone), new Date(ms)).open;
        const told = [start - 1, start, start + 30 * 60_000 - 1, start + 30 * 60_000].map(isOpen);
        expect(told).toEqual([false, true, true, false]);
      }),
      { numRuns: 300 },
    );
  });
  test('an expression that names each half hour is open as the clock on the wall says, over each change of clocks', () => {
    fc.assert(
      fc.property(gates, moment, ({ timezone }, at) => {
        const minute = Number(at.toLocaleString('sv-SE', { timeZone: timezone, minute: 'numeric' }));
        expect(windowAt(allow('0,30 * * * *', 15, timezone), at).open).toBe(minute % 30 < 15);
      }),
      { numRuns: 100 },
    );
  });
});
