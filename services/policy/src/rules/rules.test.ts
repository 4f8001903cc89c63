// Every rule type with one manifest that passes and one that fails, and what its parameters may not be.
import { Manifest, type ResolvedManifest } from '@molthub/contracts';
import { resolve } from '@molthub/manifest';
import { describe, expect, test } from 'vitest';
import { ruleTypes } from './registry.ts';
import { type Parts, rows } from './rule-cases.ts';
import type { Judge } from './rule-type.ts';

const bot = ({ config = {}, spec = {}, labels = {} }: Parts): ResolvedManifest =>
  resolve(
    Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: { name: 'anna', labels },
      spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config, ...spec },
    }),
    { workspace: 'default', fleetName: 'support', environment: 'dev' },
  );
const judgeOf = (type: string, config: unknown): Judge => {
  const made = ruleTypes.get(type)?.judgeFor(config);
  if (made && 'judge' in made) return made.judge;
  throw new Error(`${type}: ${JSON.stringify(made)}`);
};
const find = (type: string, config: unknown, parts: Parts) =>
  judgeOf(type, config)(bot(parts), { environment: 'dev', point: 'plan' });

describe('rule types', () => {
  test('are the 32 of the inventory, free expressions and OpenClaw’s own audit, each judged below', () => {
    const judged = rows.map(({ type }) => type);
    expect([...ruleTypes.keys()].toSorted()).toEqual(judged.toSorted());
    expect(ruleTypes.size).toBe(34);
  });

  describe.each(rows)('$type', ({ type, config = {}, passes, fails, at }) => {
    test('passes', () => expect(find(type, config, passes)).toEqual([]));
    test(`finds ${at}`, () => {
      const findings = find(type, config, fails);
      expect(findings.map(({ path }) => path)).toContain(at);
      for (const { message } of findings) expect(message).toMatch(/\w.*[.")]$/);
    });
    test('says the same each time', () =>
      expect(find(type, config, structuredClone(fails))).toEqual(find(type, config, fails)));
    test('says nothing of parameters that it does not have', () =>
      expect(ruleTypes.get(type)?.judgeFor({ ...Object(config), moon: 'full' })).toMatchObject({
        problems: [{ path: 'moon', message: expect.stringContaining('no such parameter') }],
      }));
  });
});

describe('parameters', () => {
  const wrong: readonly (readonly [type: string, config: unknown, path: string, message: RegExp])[] = [
    ['required_field', {}, 'field', /expected string/],
    ['required_field', { field: 'spec..x' }, 'field', /no path/],
    ['required_field', { field: 'status.health' }, 'field', /metadata or spec/],
    ['required_field', { field: 'spec.__proto__.x' }, 'field', /No manifest has/],
    ['required_field', { field: 'spec.*.*.*.*' }, 'field', /at most 3 times/],
    ['field_range', { field: 'spec.runtime.cpu' }, 'min', /Write min/],
    ['field_range', { field: 'spec.runtime.cpu', min: 3, max: 2 }, 'min', /larger than max/],
    ['field_format', { field: 'metadata.name', format: 'regex' }, 'pattern', /needs a pattern/],
    ['field_format', { field: 'metadata.name', format: 'email', pattern: 'x' }, 'pattern', /Only the format regex/],
    ['field_format', { field: 'metadata.name', format: 'iban' }, 'format', /Invalid option/],
    ['custom_regex', { field: 'metadata.name', pattern: '(' }, 'pattern', /RE2/],
    ['custom_regex', { field: 'metadata.name', pattern: '(?=a)' }, 'pattern', /look-around/],
    ['custom_regex', { field: 'metadata.name', pattern: 'a', flags: 'gg' }, 'flags', /use i, m and s/],
    ['custom_regex', { field: 'metadata.name', pattern: '(a{50}){50}' }, 'pattern', /repetitions/],
    ['resource_limits', {}, 'maxCpu', /Write maxCpu/],
    ['scaling_limits', {}, 'maxReplicas', /Write maxReplicas/],
    ['require_config_permissions', { stateDirMode: '7000' }, 'stateDirMode', /three octal digits/],
    ['require_token_rotation', { maxAgeDays: 0 }, 'maxAgeDays', />=1/],
    ['require_port_spacing', { minimumGap: 500 }, 'minimumGap', /<=120/],
    ['custom_json_schema', { schema: { type: 'nope' } }, 'schema', /JSON Schema/],
    ['custom_json_schema', { schema: { $ref: 'https://example.org/s' } }, 'schema', /nothing is fetched/],
    ['custom_json_schema', { schema: { moon: 1 } }, 'schema', /unknown keyword/],
    ['cel', { expression: 'spec.' }, 'expression', /\w/],
    ['cel', { expression: 'moon == 1' }, 'expression', /Unknown variable/],
    ['cel', { expression: '1 + 1' }, 'expression', /answers int/],
    ['cel', { expression: 'metadata.name.indexOf("a", 1) == 1' }, 'expression', /no matching overload/],
    ['cel', { expression: 'cel.bind(x, 1, x == 1)' }, 'expression', /no function/],
  ];
  test.each(wrong)('of %s: %j is refused at %s', (type, config, path, message) => {
    expect(ruleTypes.get(type)?.judgeFor(config)).toMatchObject({
      problems: [{ path, message: expect.stringMatching(message) }],
    });
  });
});

test('a field may name an item of a list by its keys', () => {
  const judge = judgeOf('field_range', { field: 'spec.config.ports[name=admin,open=true].port', max: 99 });
  const ports = [
    { name: 'admin', open: true, port: 100 },
    { name: 'admin', open: false, port: 101 },
    { name: 'web', open: true, port: 102 },
  ];
  const found = judge(bot({ config: { ports } }), { environment: 'dev', point: 'plan' });
  expect(found.map(({ path }) => path)).toEqual(['spec.config.ports[0].port']);
});

test('more than one place of a task role is found, and what is wide only within a name is not', () => {
  const statements = [
    { actions: ['s3:Get*'], resources: ['*', 'arn:aws:s3:::bots/*'] },
    { actions: ['sqs:SendMessage'], resources: ['*'] },
  ];
  const spec = { runtime: { engine: 'simulated' }, target: { kind: 'simulated', taskRole: { statements } } };
  expect(
    find('forbid_wildcard_iam', {}, { spec }).map(({ path }) => path.replace('spec.target.taskRole.', '')),
  ).toEqual(['statements[0].actions[0]', 'statements[0].resources[0]', 'statements[1].resources[0]']);
});

test('a mode that is stricter than the rule asks passes, and one bit more does not', () => {
  const modes = (security: object, config: object) =>
    find('require_config_permissions', config, { spec: { security } }).map(({ path, suggestedValue }) => [
      path,
      suggestedValue,
    ]);
  expect(modes({}, {})).toEqual([]);
  expect(modes({ stateDirMode: '750' }, {})).toEqual([['spec.security.stateDirMode', '700']]);
  expect(modes({ stateDirMode: '750' }, { stateDirMode: '755' })).toEqual([]);
  expect(modes({ stateDirMode: '705' }, { stateDirMode: '750' })).toEqual([['spec.security.stateDirMode', '750']]);
});

test('a bot that may scale by itself is bounded in that too', () => {
  const scaled = (autoscaling: object) => {
    const spec = { runtime: { engine: 'simulated', autoscaling }, target: { kind: 'simulated' } };
    return find('scaling_limits', { maxReplicas: 3, requireAutoScaling: true }, { spec }).map(({ path }) => path);
  };
  expect(scaled({ minReplicas: 1, maxReplicas: 3 })).toEqual([]);
  expect(scaled({ minReplicas: 1, maxReplicas: 4 })).toEqual(['spec.runtime.autoscaling.maxReplicas']);
  expect(find('scaling_limits', { requireAutoScaling: true }, {}).map(({ path }) => path)).toEqual([
    'spec.runtime.autoscaling',
  ]);
});
