// Files of pack tests: what may stand in them, and which manifest each test judges.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manifestOf, policyTestsFrom } from './policy-tests.ts';

const examples = fileURLToPath(new URL('../../../examples/policy-tests', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policy-tests-'));
});
afterAll(() => rm(folder, { recursive: true }));

const broken = async (spec: string, more = '') => {
  const file = join(folder, 'broken.yaml');
  await writeFile(file, `apiVersion: molthub/v1\nkind: PolicyTest\nmetadata: { name: t }\nspec: ${spec}\n${more}`);
  return policyTestsFrom([file]);
};

test('the example has a pack and seven tests', async () => {
  const [one] = await policyTestsFrom([examples]);
  expect(one?.judge).toMatchObject({ policyPack: { name: 'house-rules', rules: { length: 5 } } });
  expect(one?.spec.tests).toHaveLength(7);
});

test('a test judges the base with its patch, in which null takes away, or a manifest of its own', () => {
  const base = { metadata: { name: 'a', labels: { x: '1', y: '2' } }, list: [1, 2] };
  const of = (more: object) => manifestOf({ name: 't', expect: { valid: true }, ...more }, base);
  expect(of({})).toEqual(base);
  expect(of({ patch: { metadata: { labels: { x: null, z: '3' } }, list: [3] } })).toEqual({
    metadata: { name: 'a', labels: { y: '2', z: '3' } },
    list: [3],
  });
  expect(of({ manifest: { other: true } })).toEqual({ other: true });
});

const rest = 'base: {}, tests: [{ name: a, expect: { valid: true } }]';
test.each([
  [
    'no expectation',
    '{ packId: builtin-x, base: {}, tests: [{ name: a, expect: {} }] }',
    /expect valid, rules or paths/,
  ],
  [
    'a result that there is not',
    '{ packId: builtin-x, base: {}, tests: [{ name: a, expect: { rules: { r: ok } } }] }',
    /use one of/,
  ],
  [
    'rules of none',
    '{ packId: builtin-x, base: {}, tests: [{ name: a, expect: { rules: {} } }] }',
    /name a rule, or leave it out/,
  ],
  [
    'paths of no rule',
    '{ packId: builtin-x, base: {}, tests: [{ name: a, expect: { paths: {} } }] }',
    /name a rule, or leave it out/,
  ],
  ['no pack', `{ ${rest} }`, /write pack or packId/],
  ['two packs', `{ pack: a.yaml, packId: builtin-x, ${rest} }`, /write pack or packId/],
  ['nothing to judge', '{ packId: builtin-x, tests: [{ name: a, expect: { valid: true } }] }', /needs spec\.base/],
  [
    'manifest and patch',
    '{ packId: builtin-x, tests: [{ name: a, manifest: {}, patch: {}, expect: { valid: true } }] }',
    /not both/,
  ],
  [
    'a field that no test has',
    '{ packId: builtin-x, base: {}, tests: [{ name: a, expects: 1, expect: { valid: true } }] }',
    /there is no such field; did you mean 'expect'/,
  ],
  ['a pack file that is not there', `{ pack: none.yaml, ${rest} }`, /cannot read .*none\.yaml/],
  ['a pack file without a pack', `{ pack: broken.yaml, ${rest} }`, /0 documents of kind PolicyPack/],
])('%s is refused with exit code 2', async (_, spec, message) => {
  const error: unknown = await broken(spec).catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({ exitCode: 2 });
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).toMatch(message);
});

test('files without tests are refused', async () => {
  await expect(policyTestsFrom([join(examples, '../house-rules.yaml')])).rejects.toMatchObject({ exitCode: 2 });
});
