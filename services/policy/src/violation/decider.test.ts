import type { CommandOf, RecordFindings, Violation } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, expect, test } from 'vitest';
import { violations } from './decider.ts';
import { differenceOf, keyOf } from './difference.ts';

const bot = {
  botId: '00000000-0000-4000-8000-00000000000b',
  fleetId: '00000000-0000-4000-8000-00000000000f',
  environment: 'dev',
  version: 3,
} as const;
const violation = (path: string, more: Partial<Violation> = {}): Violation => ({
  packId: 'p',
  ruleId: 'r',
  severity: 'ERROR',
  action: 'deny',
  path,
  message: 'm',
  currentValue: null,
  suggestedValue: null,
  ...more,
});
const gone = { key: 'k', packId: 'p', ruleId: 'r', path: 'spec.b' };
const record = (
  opened: readonly Violation[],
  resolved: readonly (typeof gone)[],
): CommandOf<typeof RecordFindings> => ({
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'service', id: 'policy', name: 'policy' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
  type: 'policy.violation.record.v1',
  data: { ...bot, opened: [...opened], resolved: [...resolved] },
});

test('what is new and what is gone are two facts; nothing is none', () => {
  const { given } = specification(violations);
  const opened = [violation('spec.a')];
  given()
    .when(record(opened, [gone]))
    .then(
      { type: 'policy.violation.resolved.v1', data: { ...bot, violations: [gone] } },
      { type: 'policy.violation.opened.v1', data: { ...bot, violations: opened } },
    );
  given().when(record(opened, [])).thenTypes('policy.violation.opened.v1');
  given().when(record([], [])).thenNothing();
});

describe('the difference', () => {
  const present = (of: Violation) => ({ key: keyOf(of), packId: of.packId, ruleId: of.ruleId, path: of.path });
  test('is by what is said and done', () => {
    const [a, b] = [violation('spec.a'), violation('spec.b')];
    expect(differenceOf([present(a)], [a])).toEqual({ opened: [], resolved: [] });
    expect(differenceOf([present(a)], [b])).toEqual({ opened: [b], resolved: [present(a)] });
    const waived = violation('spec.a', { action: 'audit' });
    expect(differenceOf([present(a)], [waived])).toEqual({ opened: [waived], resolved: [present(a)] });
  });
  test('does not depend on the order of keys', () => {
    const a = violation('spec.a');
    expect(keyOf({ ...a })).toBe(keyOf(Object.assign({ suggestedValue: null }, a)));
  });
});
