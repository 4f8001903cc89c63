import type { CommandOf, CreateOverlay, UpdateOverlay } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, expect, test } from 'vitest';
import { dueOf, type OverlayCommand, type OverlayFact, overlays } from './decider.ts';

const overlayId = '00000000-0000-4000-8000-000000000001';
const [anna, bert] = ['00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-0000000000b2'];
const at = (time: string) => ({
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' } as const,
  correlationId: 'c',
  causationId: null,
  time,
  records: true,
});
const [before, inside, after] = ['2026-10-01T10:00:00.000Z', '2026-10-24T22:30:00.000Z', '2026-11-01T10:00:00.000Z'];
/** Berlin leaves summer time within this window. */
const schedule = { start: '2026-10-25T00:00', end: '2026-10-25T12:00', timeZone: 'Europe/Berlin' };
const [starts, ends] = ['2026-10-24T22:00:00.000Z', '2026-10-25T11:00:00.000Z'];

const fields = {
  overlayId,
  name: 'quiet',
  description: '',
  target: { environment: 'dev' as const },
  priority: 100,
  patch: { spec: { config: { logging: { level: 'warn' } } } },
  schedule: null,
  rollout: null,
  enabled: true,
};
const create = (
  time: string,
  more: Partial<CommandOf<typeof CreateOverlay>['data']> = {},
  cohort: readonly string[] | null = null,
): OverlayCommand => ({ ...at(time), type: 'config.overlay.create.v1', data: { ...fields, ...more }, cohort });
const update = (
  time: string,
  more: Partial<CommandOf<typeof UpdateOverlay>['data']>,
  cohort: readonly string[] | null = null,
): OverlayCommand => ({ ...at(time), type: 'config.overlay.update.v1', data: { overlayId, ...more }, cohort });
const edge = (time: string, due: string): OverlayCommand => ({
  ...at(time),
  type: 'config.overlay.pass-edge.v1',
  data: { overlayId, at: due },
});
const choose = (cohort: readonly string[]): OverlayCommand => ({
  ...at(inside),
  type: 'config.overlay.choose-cohort.v1',
  data: { overlayId },
  cohort,
});
const { given } = specification(overlays);
const run = (...commands: readonly OverlayCommand[]): readonly OverlayFact[] =>
  commands.reduce<readonly OverlayFact[]>((facts, command) => {
    const own = overlays
      .decide(command, facts.reduce(overlays.evolve, overlays.initial))
      .map(({ stream: _, ...fact }) => fact);
    return [...facts, ...own];
  }, []);
const dueAfter = (...commands: readonly OverlayCommand[]) =>
  dueOf(run(...commands).reduce(overlays.evolve, overlays.initial))?.at ?? null;

describe('an overlay with a schedule', () => {
  test.each([
    [before, false, starts],
    [inside, true, ends],
    [after, false, null],
  ] as const)('saved at %s is on: %s, and waits for %s', (time, active, due) => {
    const [created] = overlays.decide(create(time, { schedule }), overlays.initial);
    expect(created?.data).toMatchObject({ active, at: time });
    expect(dueAfter(create(time, { schedule }))).toBe(due);
  });
  test('goes on at its start and off at its end, once each, through the change of the clocks', () => {
    const saved = create(before, { schedule });
    given(...run(saved))
      .when(edge(starts, starts))
      .thenTypes('config.overlay.activated.v1', 'config.layers.changed.v1');
    expect(dueAfter(saved, edge(starts, starts))).toBe(ends);
    given(...run(saved, edge(starts, starts)))
      .when(edge(starts, starts))
      .thenNothing();
    given(...run(saved, edge(starts, starts)))
      .when(edge(ends, ends))
      .thenTypes('config.overlay.deactivated.v1', 'config.layers.changed.v1');
    expect(dueAfter(saved, edge(starts, starts), edge(ends, ends))).toBeNull();
  });
  test('trusts the timer where its own clock is behind', () =>
    given(...run(create(before, { schedule })))
      .when(edge(before, starts))
      .thenTypes('config.overlay.activated.v1', 'config.layers.changed.v1'));
  test('that was missed whole, or has another schedule by now, does nothing late', () => {
    given(...run(create(before, { schedule })))
      .when(edge(after, starts))
      .thenNothing();
    given(...run(create(before, { schedule }), update(before, { schedule: null })))
      .when(edge(starts, starts))
      .thenNothing();
  });
});

describe('a share', () => {
  const half = { rollout: { percentage: 50 } };
  test('is told with the overlay, and again when bots came or went', () => {
    const [created] = overlays.decide(create(before, half, [anna]), overlays.initial);
    expect(created?.data).toMatchObject({ cohort: [anna] });
    given(...run(create(before, half, [anna])))
      .when(choose([anna, bert]))
      .thenTypes('config.overlay.cohort-changed.v1', 'config.layers.changed.v1');
    given(...run(create(before, half, [anna])))
      .when(choose([anna]))
      .thenNothing();
  });
  test('of an overlay that is gone is nobody', () =>
    given()
      .when(choose([anna]))
      .thenNothing());
});

test('an overlay is created once, told whole when a part changes, and refused to who knew it otherwise', () => {
  given().when(create(before)).thenTypes('config.overlay.created.v1', 'config.layers.changed.v1');
  given(...run(create(before)))
    .when(create(before))
    .rejects('config.overlay-exists');
  given(...run(create(before)))
    .when(update(before, { priority: 100 }))
    .thenNothing();
  given(...run(create(before), update(before, { priority: 1 })))
    .when(update(before, { priority: 2, expectedVersion: 1 }))
    .rejects('config.version-mismatch');
  given()
    .when(update(before, { priority: 1 }))
    .rejects('config.overlay-not-found');
  const [updated] = overlays.decide(
    update(before, { priority: 1 }),
    run(create(before)).reduce(overlays.evolve, overlays.initial),
  );
  expect(updated?.data).toMatchObject({ ...fields, priority: 1 });
});
