import { FindingKind, findingRepairs } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { repairOf } from './health.ts';

test('a finding is repaired as its kind says, unless nothing that can be done ends it', () => {
  expect(repairOf({ kind: 'UNHEALTHY', closedAt: null })).toEqual(findingRepairs.UNHEALTHY);
  expect(repairOf({ kind: 'RESTARTING', closedAt: null }).action).toBe('reconcile');
  expect(() => repairOf({ kind: 'FLAPPING', closedAt: null })).toThrow(
    /Nothing that Molthub can do ends a finding FLAPPING/,
  );
});

test('what is over is not repaired, whatever its kind', () => {
  for (const kind of FindingKind.options) {
    expect(() => repairOf({ kind, closedAt: '2026-11-21T10:00:00.000Z' })).toThrow(/there is nothing to repair/);
  }
});
