// `molthub policy test` as people and CI run it: the command line as a process, against the API.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
const repository = fileURLToPath(new URL('../../..', import.meta.url));
const examples = join(repository, 'examples/policy-tests');
let api: ApiUnderTest;
let folder: string;
beforeAll(async () => {
  api = await openApi({ postgres, nats }, { names: ['config', 'policy', 'gateway'] });
  folder = await mkdtemp(join(tmpdir(), 'policy-test-'));
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

const molthub = async (...args: readonly string[]) => {
  const env = { PATH: '/usr/bin:/bin', MOLTHUB_HOME: folder, MOLTHUB_SERVER: api.url(), MOLTHUB_KEY: api.adminKey };
  const child = spawn(process.execPath, [join(repository, 'clients/cli/src/main.ts'), 'policy', 'test', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, stdout, stderr };
};
const written = async (name: string, content: string) => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};

test('the tests under examples pass, with JUnit beside what people read, and save nothing', async () => {
  const file = join(folder, 'results.xml');
  const { status, stdout, stderr } = await molthub(examples, '--junit', file);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('7 passed, 0 failed');
  const xml = await readFile(file, 'utf8');
  expect(xml).toContain('<testsuites tests="7" failures="0" errors="0"');
  expect(xml).toContain('<testcase name="a bot without an owner is denied" classname="house rules"');
  const packs = await api.call('GET', '/api/v1/policy-packs?isBuiltin=false');
  expect(packs.body['items']).toEqual([]);
});

const base = `
  base:
    apiVersion: molthub/v1
    kind: MoltbotInstance
    metadata: { name: a }
    spec: { runtime: { engine: simulated }, target: { kind: simulated } }
`;
const testOf = (spec: string) =>
  `apiVersion: molthub/v1\nkind: PolicyTest\nmetadata: { name: t }\nspec:\n${base}${spec}`;

test('one that fails ends with 1, and says what was found instead', async () => {
  const tests =
    '  packId: builtin-security-baseline\n  tests: [{ name: wrong, expect: { rules: { dm-policy: violated } } }]';
  const { status, stdout, stderr } = await molthub(await written('failing.yaml', testOf(tests)));
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('1 of 1 test failed') });
  expect(stdout).toContain('dm-policy is passed, not violated');
});

test('a pack that is broken, or a manifest that is none, ends with 2', async () => {
  const pack = await written(
    'pack.yaml',
    'apiVersion: molthub/v1\nkind: PolicyPack\nmetadata: { name: p }\nspec: { rules: [{ id: a, type: moon }] }\n',
  );
  const broken = await molthub(
    await written('broken.yaml', testOf(`  pack: ${pack}\n  tests: [{ name: t, expect: { valid: true } }]`)),
  );
  expect(broken).toMatchObject({ status: 2, stderr: expect.stringContaining('There is no rule type moon') });
  const noManifest =
    '  packId: builtin-security-baseline\n  tests: [{ name: t, manifest: { a: 1 }, expect: { valid: true } }]';
  expect(await molthub(await written('none.yaml', testOf(noManifest)))).toMatchObject({ status: 2 });
});

test('a test that names a rule that its pack does not have ends with 2, and says which it has', async () => {
  const pack = await written(
    'one-rule.yaml',
    'apiVersion: molthub/v1\nkind: PolicyPack\nmetadata: { name: p }\nspec: { rules: [{ id: team, type: required_field, config: { field: metadata.labels.team } }] }\n',
  );
  for (const by of [`pack: ${pack}`, 'packId: builtin-security-baseline']) {
    for (const expected of ['rules: { taem: not-judged }', 'paths: { taem: [a] }']) {
      const tests = `  ${by}\n  tests: [{ name: wrong, expect: { ${expected} } }]`;
      const { status, stderr } = await molthub(await written('unknown.yaml', testOf(tests)));
      expect(status).toBe(2);
      expect(stderr).toMatch(/wrong: the pack has no rule taem; it has: .*(team|dm-policy)/);
    }
  }
});

test('a pack that is only sent is judged as it is written, and not together with a saved one', async () => {
  const rules = [{ id: 'a', type: 'required_field', config: { field: 'metadata.labels.team' } }];
  const manifest = {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'a' },
    spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' } },
  };
  const evaluate = (more: object) =>
    api.call('POST', '/api/v1/policy-packs/evaluate', {
      body: { manifest, policyPack: { name: 'p', rules }, ...more },
    });
  expect(await evaluate({})).toMatchObject({ status: 200, body: { valid: false, results: [{ result: 'violated' }] } });
  const both = await evaluate({ policyPackId: 'builtin-security-baseline' });
  expect(both).toMatchObject({ status: 400, body: { code: 'policy.pack-invalid' } });
  const huge = Array.from({ length: 101 }, (_, index) => ({ ...rules[0], id: `r-${index}` }));
  expect(await evaluate({ policyPack: { name: 'p', rules: huge } })).toMatchObject({ status: 400 });
});
