import { Manifest, type PolicyRule, type ResolvedManifest } from '@molthub/contracts';
import { resolve } from '@molthub/manifest';
import { describe, expect, test } from 'vitest';
import { securityBaseline } from './builtin-packs.ts';
import { judging } from './evaluate.ts';
import { atOnce } from './gently.ts';
import { compiling, type Pack } from './pack.ts';
import type { EvaluationContext } from './rules/rule-type.ts';
import { type Waiver, waiversFor } from './waivers.ts';

const context = { environment: 'dev', point: 'plan' } as const;
const bot = (labels: Record<string, string> = {}, spec: Record<string, unknown> = {}): ResolvedManifest =>
  resolve(
    Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: { name: 'anna', labels },
      spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, ...spec },
    }),
    { workspace: 'default', fleetName: 'support', environment: 'dev' },
  );
const packWith = (more: Partial<PolicyRule> = {}): Pack => ({
  ...securityBaseline,
  id: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e',
  isEnforced: false,
  isBuiltin: false,
  rules: [
    {
      id: 'rule-0',
      type: 'required_field',
      severity: 'ERROR',
      description: '',
      config: { field: 'metadata.labels.owner' },
      allowOverride: false,
      enabled: true,
      targetEnvironments: [],
      actions: {},
      ...more,
    },
  ],
});
const evaluation = (packs: readonly Pack[], resolved: ResolvedManifest, given: EvaluationContext = context) =>
  atOnce(
    judging(
      packs.map((pack) => atOnce(compiling(pack))),
      resolved,
      given,
    ),
  );

describe('waivers', () => {
  const waiver = (more: Partial<Waiver> = {}): Waiver => ({
    waiverId: '5b7c1d0e-8f5d-4a7e-9a56-000000000001',
    packId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e',
    ruleId: 'rule-0',
    botId: null,
    fleetId: null,
    selector: { team: 'support' },
    owner: 'Ada',
    expiresAt: '2026-12-01T00:00:00.000Z',
    ...more,
  });
  const owned = packWith();
  const waived = { ...context, waivers: [waiver()] };

  test('keep what they waive, by whom and until when, and let it pass', () => {
    const verdict = evaluation([owned], bot(), waived);
    expect(verdict).toMatchObject({
      valid: true,
      violations: [],
      warnings: [{ ruleId: 'rule-0', action: 'audit', waivedBy: { owner: 'Ada' } }],
      results: [{ result: 'waived', waivedBy: { waiverId: waiver().waiverId } }],
    });
  });
  test('say nothing of what keeps the rule', () => {
    expect(evaluation([owned], bot({ owner: 'b' }), waived)).toMatchObject({
      warnings: [],
      results: [{ result: 'passed' }],
    });
  });
  test('give way to a reason in the manifest itself', () => {
    const overrides = [{ packId: owned.id, ruleId: 'rule-0', reason: 'ours' }];
    const pack = packWith({ allowOverride: true });
    const verdict = evaluation([pack], bot({}, { policies: { overrides } }), waived);
    expect(verdict).toMatchObject({ warnings: [{ overrideReason: 'ours' }], results: [{ result: 'overridden' }] });
    expect(verdict.warnings[0]).not.toHaveProperty('waivedBy');
  });
  test('of an enforced pack count only where its rule allows exceptions', () => {
    const enforced = { ...owned, isEnforced: true };
    expect(evaluation([enforced], bot(), waived).results).toMatchObject([{ result: 'violated' }]);
    const [rule] = owned.rules;
    const lenient = { ...enforced, rules: rule ? [{ ...rule, allowOverride: true }] : [] };
    expect(evaluation([lenient], bot(), waived).results).toMatchObject([{ result: 'waived' }]);
  });
  test('are of one bot, of a fleet, or of all labels', () => {
    const labelled = bot({ team: 'support', tier: '1' });
    const [botId, fleetId] = ['5b7c1d0e-8f5d-4a7e-9a56-00000000000b', '5b7c1d0e-8f5d-4a7e-9a56-00000000000f'];
    const of = (scope: Partial<Waiver>) => waiver({ selector: null, ...scope });
    const count = (scope: Partial<Waiver>, given = labelled) =>
      waiversFor([of(scope)], given, { botId, fleetId }).length;
    expect([count({ botId }), count({ botId: fleetId }), count({ fleetId }), count({ fleetId: botId })]).toEqual([
      1, 0, 1, 0,
    ]);
    expect(count({ selector: { team: 'support', tier: '1' } })).toBe(1);
    expect(count({ selector: { team: 'support', tier: '2' } })).toBe(0);
    expect(count({ selector: { team: 'support' } }, bot())).toBe(0);
    expect(waiversFor([of({ botId })], labelled, {})).toEqual([]);
  });
});
