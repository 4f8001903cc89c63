import {
  type ChangeFleetTelemetry,
  type CommandOf,
  defaultFleetTelemetry,
  FleetTelemetry,
  type FleetTelemetryChanged,
  type FactOf,
} from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, expect, test } from 'vitest';
import { fleetTelemetry } from './decider.ts';

const { given } = specification(fleetTelemetry);
const fleetId = '00000000-0000-4000-8000-000000000001';
const change = (settings: FleetTelemetry, expectedVersion?: number): CommandOf<typeof ChangeFleetTelemetry> => ({
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
  type: 'trace.fleet-telemetry.change.v1',
  data: { fleetId, settings, ...(expectedVersion === undefined ? {} : { expectedVersion }) },
});
const sampled = FleetTelemetry.parse({ sampling: { ratio: 0.5 } });
const changed = (settings: FleetTelemetry): FactOf<typeof FleetTelemetryChanged> => ({
  type: 'trace.fleet-telemetry.changed.v1',
  data: { fleetId, settings },
});

describe("a fleet's telemetry", () => {
  test('is treated as somebody says', () => given().when(change(sampled)).then(changed(sampled)));
  test('is by default before, so that saying the default changes nothing', () =>
    given().when(change(defaultFleetTelemetry)).thenNothing());
  test('said the same again changes nothing, and can be as by default again', () => {
    given(changed(sampled)).when(change(sampled)).thenNothing();
    given(changed(sampled)).when(change(defaultFleetTelemetry)).then(changed(defaultFleetTelemetry));
  });
  test('with a stale version is refused, with the right one changed', () => {
    given(changed(sampled)).when(change(defaultFleetTelemetry, 2)).rejects('trace.version-mismatch');
    given().when(change(sampled, 1)).rejects('trace.version-mismatch');
    given(changed(sampled)).when(change(defaultFleetTelemetry, 1)).then(changed(defaultFleetTelemetry));
  });
});

describe('what can be said', () => {
  const problemOf = (settings: unknown) =>
    FleetTelemetry.safeParse(settings).error?.issues.map(({ path }) => path.join('.'));
  test.each([
    ['retention.errorDays', { retention: { okDays: 60 } }],
    ['retention.errorDays', { retention: { contentDays: 31 } }],
    ['retention.okDays', { retention: { okDays: 0 } }],
    ['retention.rollupDays', { retention: { rollupDays: 1_096 } }],
    ['retention.keepOkShare', { retention: { keepOkShare: 1.1 } }],
    ['retention.slowMs', { retention: { slowMs: 0 } }],
    ['redaction.attributes.0.key', { redaction: { attributes: [{ key: '*.x', action: 'drop' }] } }],
    ['redaction.attributes.0.action', { redaction: { attributes: [{ key: 'x', action: 'keep' }] } }],
    ['redaction.patterns.0', { redaction: { patterns: ['x'.repeat(201)] } }],
    ['redaction.patterns', { redaction: { patterns: Array.from({ length: 21 }, () => 'x') } }],
    ['sampling.ratio', { sampling: { ratio: -0.1 } }],
    ['runaway.callsPerMinute', { runaway: { callsPerMinute: 1 } }],
    ['', { retention: {}, other: 1 }],
  ])('is bounded at %s', (path, settings) => expect(problemOf(settings)).toEqual([path]));
  test('may leave out whatever is as by default', () =>
    expect(FleetTelemetry.parse({ retention: { contentDays: 0 } })).toEqual({
      ...defaultFleetTelemetry,
      retention: { ...defaultFleetTelemetry.retention, contentDays: 0 },
    }));
});
