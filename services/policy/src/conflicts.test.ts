import { CreatePack, type PolicyRule } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { builtinPacks } from './builtin-packs.ts';
import { conflictsAmong, conflictsMax } from './conflicts.ts';
import { atOnce } from './gently.ts';
import type { Pack } from './pack.ts';

type RuleParts = Partial<PolicyRule> & Pick<PolicyRule, 'id' | 'type'>;
const pack = (name: string, rules: readonly RuleParts[], more: Partial<Pack> = {}): Pack => {
  const { packId, ...fields } = CreatePack.data.parse({ packId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e', name, rules });
  return { ...fields, id: `${packId}-${name}`, version: '1', isBuiltin: false, ...more };
};
const one = (type: string, config: PolicyRule['config'], more: Partial<PolicyRule> = {}) => [
  { id: 'r', type, config, ...more },
];
const found = (...packs: readonly Pack[]) =>
  atOnce(conflictsAmong(packs)).items.map(
    ({ kind, path, rules }) => `${kind} ${path} ${rules.map((r) => r.packName).join()}`,
  );

describe('what cannot be together', () => {
  const field = 'spec.runtime.memory';
  test.each([
    ['required_field', { field }, 'forbidden_field', { field: 'spec.runtime' }, field],
    ['resource_limits', { maxMemory: 512 }, 'field_range', { field, min: 1_024 }, field],
    ['resource_limits', { maxMemory: 512 }, 'forbidden_field', { field }, field],
    [
      'require_sandbox',
      { allowedModes: ['all'] },
      'require_sandbox',
      { allowedModes: ['off'] },
      'spec.config.agents.defaults.sandbox.mode',
    ],
    [
      'require_network_isolation',
      { allowedEgress: ['NONE'] },
      'require_network_isolation',
      { allowedEgress: ['DEFAULT'] },
      'spec.network.egressPreset',
    ],
  ])('%s %j and %s %j', (type, config, otherType, otherConfig, path) => {
    const both = [pack('a', one(type, config)), pack('b', one(otherType, otherConfig))];
    expect(found(...both)).toContain(`contradiction ${path} a,b`);
    expect(found(...both.toReversed())).toEqual(found(...both));
  });
  test.each([
    ['required_field', { field }, 'forbidden_field', { field: 'spec.runtime.mem' }],
    ['field_range', { field, max: 512 }, 'field_range', { field, min: 512 }],
    [
      'field_format',
      { field: 'metadata.name', format: 'email' },
      'field_format',
      { field: 'metadata.name', format: 'regex', pattern: 'a' },
    ],
    // A bot that leaves the field out, or has no such item, passes both.
    ['field_range', { field, max: 512 }, 'field_range', { field, min: 1_024 }],
    ['scaling_limits', { maxReplicas: 1 }, 'field_range', { field: 'spec.runtime.replicas', min: 2 }],
    [
      'field_format',
      { field: 'metadata.labels.o', format: 'email' },
      'field_format',
      { field: 'metadata.labels.o', format: 'url' },
    ],
    ['require_dm_policy', { allowedValues: ['pairing'] }, 'require_dm_policy', { forbiddenValues: ['pairing'] }],
    [
      'require_secret_manager',
      { allowedProviders: ['vault'] },
      'require_secret_manager',
      { allowedProviders: ['aws-secrets-manager'] },
    ],
    ['require_sandbox', {}, 'require_sandbox', { allowedModes: ['all'] }],
    ['cel', { expression: 'true' }, 'cel', { expression: 'false' }],
    ['require_moon_phase', {}, 'require_sandbox', {}],
  ])('not: %s %j and %s %j', (type, config, otherType, otherConfig) => {
    expect(found(pack('a', one(type, config)), pack('b', one(otherType, otherConfig)))).toEqual([]);
  });
});

describe('different actions', () => {
  const at = { field: 'metadata.labels.team' };
  test('for the same type and field are told, with the points', () => {
    const warns = pack('b', one('required_field', at, { severity: 'WARNING' }));
    const [conflict] = atOnce(conflictsAmong([pack('a', one('required_field', at)), warns])).items;
    expect(conflict).toMatchObject({
      kind: 'action',
      path: at.field,
      message: expect.stringContaining('draft, plan, apply, background'),
    });
    expect(conflict?.rules.map(({ actions }) => actions['plan'])).toEqual(['deny', 'warn']);
    const planOnly = pack('c', one('required_field', at, { actions: { plan: 'audit' } }));
    expect(atOnce(conflictsAmong([pack('a', one('required_field', at)), planOnly])).items).toMatchObject([
      { kind: 'action', message: expect.stringContaining('at plan;') },
    ]);
  });
  test('for another field, or the same actions, are none', () => {
    const a = pack('a', one('required_field', at));
    expect(found(a, pack('b', one('required_field', { field: 'metadata.name' }, { severity: 'INFO' })))).toEqual([]);
    expect(found(a, pack('b', one('required_field', at)))).toEqual([]);
  });
});

describe('packs that never judge the same bot', () => {
  const a = (more: Partial<Pack> = {}) => pack('a', one('required_field', { field: 'metadata.labels.x' }), more);
  const b = (more: Partial<Pack> = {}) => pack('b', one('forbidden_field', { field: 'metadata.labels.x' }), more);
  test('conflict in nothing', () => {
    expect(found(a(), b())).toHaveLength(1);
    expect(found(a({ targetEnvironments: ['dev'] }), b({ targetEnvironments: ['prod'] }))).toEqual([]);
    expect(found(a({ targetTags: { t: '1' } }), b({ targetTags: { t: '2' } }))).toEqual([]);
    expect(found(a({ targetTags: { t: '1' } }), b({ targetTags: { u: '2' } }))).toHaveLength(1);
    expect(found(a({ isActive: false }), b())).toEqual([]);
  });
  test('nor do those that come with Molthub, among themselves', () => expect(found(...builtinPacks)).toEqual([]));
});

test('many are counted to a limit', () => {
  const rules = (type: string) =>
    Array.from({ length: 60 }, (_, n) => ({ id: `r-${n}`, type, config: { field: 'metadata.labels.x' } }));
  const result = atOnce(conflictsAmong([pack('a', rules('required_field')), pack('b', rules('forbidden_field'))]));
  expect({ items: result.items.length, isComplete: result.isComplete }).toEqual({
    items: conflictsMax,
    isComplete: false,
  });
});

test('however many and long the rules are, no step of the search holds up anything else', () => {
  const longText = 'x'.repeat(4_000);
  const packs = Array.from({ length: 10 }, (_, p) => {
    const rules = Array.from({ length: 50 }, (__, n) => ({
      id: `r-${n}`,
      type: 'custom_json_schema',
      config: { schema: { title: `${p}/${n}`, $comment: longText, enum: Array.from({ length: 200 }, (___, i) => i) } },
    }));
    return pack(`p${p}`, rules);
  });
  const longestMs = () => {
    const work = conflictsAmong(packs);
    let longest = 0;
    for (let isDone = false; !isDone; ) {
      const began = process.threadCpuUsage();
      isDone = work.next().done === true;
      const { user, system } = process.threadCpuUsage(began);
      longest = Math.max(longest, (user + system) / 1_000);
    }
    return longest;
  };
  expect(Math.min(longestMs(), longestMs(), longestMs())).toBeLessThan(25);
});
