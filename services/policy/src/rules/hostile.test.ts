// What people write into rules can be meant to do harm: it is refused, or has no answer, before it costs anything.
import { Manifest, type ResolvedManifest } from '@molthub/contracts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compiledBuiltins } from '../builtin-packs.ts';
import { createMeter } from './meter.ts';
import { linearPattern, writtenOut } from './linear-pattern.ts';
import { ruleTypes } from './registry.ts';

const manifest = (config: unknown): ResolvedManifest =>
  Manifest.parse({
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'anna' },
    spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config },
  });
const hundred = Array.from({ length: 100 }, (_, index) => index);
const large = manifest({
  hundred,
  many: Array.from({ length: 60_000 }, () => 1),
  objects: Array.from({ length: 10_000 }, () => ({ a: 1 })),
  text: 'a'.repeat(100_000),
  bait: `${'a'.repeat(29)}!`,
});

/** What the rule answers for a manifest: problems of its parameters, what it finds, or why it has no answer. */
const judged = (type: string, config: unknown, resolved = large): unknown => {
  const made = ruleTypes.get(type)?.judgeFor(config);
  if (!made || !('judge' in made)) return made?.problems.map(({ message }) => message);
  try {
    return made.judge(resolved, { environment: 'dev', point: 'plan' }).length;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : error;
  }
};

/**
 * How long the work would hold up everything else, in ms of this thread's CPU time: a machine that does other things too
 * makes any other measurement long. The fastest of three, since the first one compiles.
 */
const fastest = (work: () => unknown): number =>
  Math.min(
    ...[1, 2, 3].map(() => {
      const began = process.threadCpuUsage();
      work();
      const { user, system } = process.threadCpuUsage(began);
      return (user + system) / 1_000;
    }),
  );
const blockedMsMax = 50;

describe('sec-055: CEL', () => {
  const endless: readonly string[] = [
    'spec.config.hundred.all(a, spec.config.hundred.all(b, spec.config.hundred.all(c, true)))',
    'spec.config.many.all(a, spec.config.many.exists(b, b == 2))',
    'spec.config.many.map(a, spec.config.many).size() == 0',
    'spec.config.hundred.map(a, spec.config == spec.config).size() == 0',
    'spec.config.hundred.all(a, spec.config.hundred.map(b, spec.config.hundred.map(c, spec.config.text)) != [])',
    'spec.config.hundred.exists(a, spec.config.text.contains(spec.config.text + "b"))',
    'spec.config.hundred.filter(a, spec.config.objects.filter(b, b == spec.config.objects).size() > 0).size() > 0',
    'spec.config.text.matches("^(a+)+$")',
  ];
  test.each(endless)('%s has no answer, and soon', (expression) => {
    expect(judged('cel', { expression })).toMatch(/^NotJudged: .*(?:more work|too long)/);
    expect(fastest(() => judged('cel', { expression }))).toBeLessThan(blockedMsMax);
  });
  test('a catastrophic pattern is an ordinary one', () => {
    const expression = 'spec.config.bait.matches("^(a+)+$")';
    expect(judged('cel', { expression })).toBe(1);
    expect(fastest(() => judged('cel', { expression }))).toBeLessThan(blockedMsMax);
  });
  test.each([
    ['(', '('.repeat(900) + 'true' + ')'.repeat(900)],
    ['!', `${'!'.repeat(1_900)}true`],
    ['[', '['.repeat(1_900)],
    ['&&', `true${'&&true'.repeat(300)}`],
    ['four loops', ['a', 'b', 'c', 'd'].reduceRight((inner, x) => `spec.config.hundred.all(${x}, ${inner})`, 'true')],
    ['much text', `"${'x'.repeat(3_000)}" == ""`],
  ])('deep and long ones are refused when the pack is saved: %s', (_, expression) => {
    expect(judged('cel', { expression })).toEqual([expect.stringMatching(/\w/)]);
    expect(fastest(() => judged('cel', { expression }))).toBeLessThan(blockedMsMax);
  });
  test.each(['spec.__proto__ == null', 'spec.constructor.name == "Object"', 'spec["constructor"] == null'])(
    '%s reaches nothing of JavaScript’s',
    (expression) => expect(judged('cel', { expression })).toMatch(/^NotJudged: .*No such key/),
  );
  test('sec-056: nothing of JavaScript’s is called by any name', () => {
    const escapes = [
      'spec.constructor.constructor("return process")() == null',
      '"".constructor("x") == ""',
      'metadata.name.replace("a", "b") == ""',
      'eval("1") == 1',
      'metadata.toString() == ""',
      '[].map.call(x) == 1',
      'step() == true',
      'weighed(spec) == spec',
    ];
    for (const expression of escapes) expect(judged('cel', { expression })).toEqual([expect.stringMatching(/\w/)]);
  });
  test('an expression that fails on a manifest has no answer', () =>
    expect(judged('cel', { expression: 'spec.missing.x == 1' })).toMatch(/^NotJudged: .*No such key: missing/));
});

describe('sec-055: patterns', () => {
  test.each(['^(a+)+$', '(a|a)*$', '(x+x+)+y', '^(?:a?){25}a{25}$', '(.*)(.*)(.*)(.*)(.*)[^a]'])(
    '%s runs in linear time',
    (pattern) => {
      const config = { field: 'spec.config.bait', pattern };
      expect(judged('custom_regex', config)).toEqual(expect.any(Number));
      expect(fastest(() => judged('custom_regex', config))).toBeLessThan(blockedMsMax);
    },
  );
  test('a long text has no answer for a large pattern', () => {
    const config = { field: 'spec.config.text', pattern: '(?:.*a.*b.*c.*){20}$' };
    expect(judged('custom_regex', config)).toMatch(/^NotJudged: .*too long/);
  });
  test('what is repeated is counted before it is written out', () => {
    expect(writtenOut('a{1000}')).toBe(1_000);
    expect(writtenOut('(ab|[c-e]{2}){10}x')).toBe(71);
    expect(writtenOut('\\{9{2}')).toBe(3);
    for (const pattern of [`(${'abcde'.repeat(40)}){1000}`, 'a{1000}'.repeat(40)]) {
      expect(linearPattern(pattern)).toHaveProperty('problem');
      expect(fastest(() => linearPattern(pattern))).toBeLessThan(blockedMsMax);
    }
  });
});

describe('sec-056: JSON Schemas', () => {
  const doubling = (levels: number) => ({
    $ref: '#/$defs/d0',
    $defs: Object.fromEntries(
      Array.from({ length: levels }, (_, level) => {
        const next = { $ref: `#/$defs/d${level + 1}` };
        return [`d${level}`, level === levels - 1 ? {} : { allOf: [next, next] }];
      }),
    ),
  });
  const hostile: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['doubling', doubling(18)],
    ['endless', { allOf: [{ $ref: '#' }, { $ref: '#' }] }],
    [
      'unique',
      { properties: { spec: { properties: { config: { properties: { objects: { uniqueItems: true } } } } } } },
    ],
    [
      'catastrophic',
      { properties: { spec: { properties: { config: { properties: { text: { pattern: '^(a+)+$' } } } } } } },
    ],
  ];
  test.each(hostile)('%s has no answer, and soon', (_, schema) => {
    expect(judged('custom_json_schema', { schema })).toMatch(/^(?:NotJudged|RangeError): /);
    const judge = ruleTypes.get('custom_json_schema')?.judgeFor({ schema });
    const work = () => {
      if (!judge || !('judge' in judge)) throw new Error('no judge');
      try {
        judge.judge(large, { environment: 'dev', point: 'plan' });
      } catch {
        // That there is no answer is asserted above; here only the time counts.
      }
    };
    expect(fastest(work)).toBeLessThan(blockedMsMax);
  });
  const bomb = (at: string, more: object = {}) => ({
    $ref: `#/${at}/d0`,
    [at]: {
      d0: { allOf: Array.from({ length: 8 }, () => ({ $ref: `#/${at}/d1` })) },
      d1: { allOf: Array.from({ length: 8 }, () => ({ $ref: `#/${at}/d2` })) },
      d2: {},
    },
    ...more,
  });
  test.each([
    ['definitions', bomb('definitions')],
    ['dependencies', bomb('dependencies')],
    ['default', bomb('default')],
    ['examples', bomb('examples')],
    ['contentSchema', bomb('contentSchema')],
    ['an item of enum', { $ref: '#/enum/0', enum: [{ $ref: '#' }] }],
    ['const', { $ref: '#/const', const: { not: {} } }],
    ['another spelling', bomb('default', { $ref: '#/%64efault/d0' })],
    ['one thing with two spellings', { $ref: '#/properties/a%252Fenum%252F0', properties: { a: { enum: [{}] } } }],
    ['an anchor that no schema has', { $ref: '#a', default: { $anchor: 'a' }, examples: { $anchor: 'a' } }],
    ['a place that is not there', { $ref: '#/$defs/none' }],
    ['no words', { $ref: '#/%' }],
  ])('a $ref to what no schema is, is refused: %s', (_, schema) => {
    expect(judged('custom_json_schema', { schema })).toEqual([expect.stringMatching(/\$ref|\$defs/)]);
  });
  test('a $ref to a schema is metered, however the place is written', () => {
    const $defs = { 'a/b~c%d e': { type: 'string' }, yes: true, anchored: { $anchor: 'here', type: 'string' } };
    for (const $ref of ['#/$defs/a~1b~0c%25d%20e', '#/%24defs/a~1b~0c%25d%20e', '#here']) {
      expect(judged('custom_json_schema', { schema: { $ref, $defs } })).toBe(1);
    }
    expect(judged('custom_json_schema', { schema: { $ref: '#/$defs/yes', $defs } })).toBe(0);
    const many = { allOf: Array.from({ length: 8 }, () => ({ $ref: '#/$defs/a~1b' })) };
    const schema = { ...many, $defs: { 'a/b': { allOf: [{ $ref: '#' }, { $ref: '#' }] } } };
    expect(judged('custom_json_schema', { schema })).toMatch(/^(?:NotJudged|RangeError): /);
  });
  test('what every object inherits is no property of a manifest', () => {
    const schema = { properties: { constructor: { type: 'string' }, toString: { type: 'string' } } };
    expect(judged('custom_json_schema', { schema })).toBe(0);
    expect(judged('custom_json_schema', { schema: { required: ['constructor'] } })).toBe(1);
  });
  test('too many are refused before they are compiled', () => {
    const schema = { anyOf: Array.from({ length: 100 }, () => ({})) };
    expect(judged('custom_json_schema', { schema })).toEqual([expect.stringMatching(/at most 60/)]);
    const nested = Array.from({ length: 40 }).reduce<object>((inner) => ({ not: inner }), {});
    expect(judged('custom_json_schema', { schema: nested })).toEqual([expect.stringMatching(/levels deep/)]);
  });
});

describe('sec-052: prototype keys', () => {
  let keys: readonly PropertyKey[];
  beforeEach(() => {
    keys = Reflect.ownKeys(Object.prototype);
  });
  afterEach(() => expect(Reflect.ownKeys(Object.prototype)).toEqual(keys));
  test('in parameters are refused, and pollute nothing', () => {
    const config: unknown = JSON.parse('{"field":"metadata.name","__proto__":{"polluted":1}}');
    expect(judged('required_field', config)).toEqual([expect.stringContaining('no such parameter')]);
    const schema: unknown = JSON.parse('{"schema":{"properties":{"__proto__":{"type":"string"}}}}');
    judged('custom_json_schema', schema);
    for (const field of ['spec.constructor.x', 'spec["__proto__"].y', 'spec.prototype']) {
      expect(judged('forbidden_field', { field })).toEqual([expect.stringContaining('No manifest has')]);
    }
  });
});

describe('a manifest as large as may be', () => {
  const wide = () =>
    manifest({
      channels: {
        list: Array.from({ length: 40_000 }, () => 'a'),
        map: Object.fromEntries(hundred.map((n) => [n, {}])),
      },
      tools: { allow: Array.from({ length: 10_000 }, () => 'x') },
    });
  const builtin = compiledBuiltins.flatMap(({ rules }) => rules.flatMap((one) => ('judge' in one ? [one] : [])));
  test.each(builtin)('is judged soon by $rule.type', ({ judge }) => {
    // Each look is at another manifest: rules remember what they found in one.
    const manifests = [wide(), wide(), wide()];
    const took = fastest(() => judge(manifests.pop() ?? wide(), { environment: 'prod', point: 'plan' }));
    expect(took).toBeLessThan(blockedMsMax);
  });
  test('is no place for a rule that names a field of thousands', () => {
    expect(judged('forbidden_field', { field: 'spec.config.*[*]' })).toMatch(/^NotJudged: .*more than 5000/);
  });
});

test('a meter that is used up stays so', () => {
  const meter = createMeter(10);
  expect(meter.allows(10)).toBe(true);
  expect(meter.allows(1)).toBe(false);
  expect(meter.allows(0)).toBe(false);
  expect(() => meter.spend(0)).toThrow(/more work/);
});
