// A workspace in git: a pull request is checked, merged, and arrives at a bot; a broken commit changes nothing.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { type Molthub, molthubOf, startMolthub } from './cli-under-test.ts';
import { openRepository, type Repository } from './git-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
});
afterAll(() => api.close());

let home: string;
let repo: string;
let repository: Repository;
let molthub: Molthub;
let fleetName: string;
let tests = 0;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'molthub-sync-'));
  repo = join(home, 'origin');
  repository = openRepository(repo);
  molthub = molthubOf(api.url, api.adminKey, home);
  tests += 1;
  fleetName = `git-${tests}`;
});
afterEach(() => rmSync(home, { recursive: true }));

const git = (...args: string[]) => repository.git(...args);
const write = (name: string, ...documents: string[]) => repository.write(name, ...documents);
const commit = (message?: string): string => repository.commit(message);
const fleet = () =>
  `apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: ${fleetName} }\nspec: { environment: dev }\n`;
const bot = (name: string, latencyMs: number, more = '') =>
  `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: ${name}, fleet: ${fleetName} }\nspec:\n` +
  `  runtime: { engine: simulated }\n  target: { kind: simulated }\n` +
  `  config: { simulation: { latencyMs: ${latencyMs}${more} } }\n`;
const syncArgs = (...more: string[]) => ['sync', '--repo', repo, '--path', 'ws', '--owner', fleetName, ...more];
const synced = (...more: string[]) => molthub(syncArgs('--once', ...more));

const Bot = z.object({
  id: z.uuid(),
  name: z.string(),
  manifestVersion: z.int(),
  observedGeneration: z.int(),
  generation: z.int(),
});
const botNamed = async (name: string) => {
  const { body } = await api.call('GET', `/api/v1/bot-instances?name=${name}`);
  return z.array(Bot).parse(body['items'])[0];
};
const Version = z.object({ version: z.int(), origin: z.string(), reason: z.string() });
const versionsOf = async (name: string) => {
  const { body } = await api.call('GET', `/api/v1/bot-instances/${(await botNamed(name))?.id}/manifests`);
  return z.array(Version).parse(body['items']);
};
const latencyOf = async (name: string) => {
  const { body } = await api.call(
    'GET',
    `/api/v1/bot-instances/${(await botNamed(name))?.id}/manifests/export?format=json`,
  );
  return z
    .object({ spec: z.object({ config: z.object({ simulation: z.object({ latencyMs: z.int() }) }) }) })
    .parse(body).spec.config.simulation.latencyMs;
};
const eventCount = async () => {
  const rows = await api.service('config').runtime.reads('select count(*)::int as count from events');
  return z.object({ count: z.int() }).parse(rows[0]).count;
};

test('a pull request is checked, merged, and its change arrives at the bot', async () => {
  write('ws/fleet.yaml', fleet());
  write('ws/bots/pia.yaml', bot('pia', 100));
  commit();
  expect(await synced()).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('applied: a change (2 to create'),
  });
  git('checkout', '-qb', 'faster');
  write('ws/bots/pia.yaml', bot('pia', 50));
  commit('pia answers faster');
  const folder = join(repo, 'ws');
  expect((await molthub(['lint', folder])).status).toBe(0);
  const checked = await molthub(['diff', '--against', 'main', '-f', folder, '-o', 'markdown']);
  expect(checked.status).toBe(1);
  expect(checked.stdout).toContain(`### Molthub: 0 to create, 1 to change, 1 unchanged`);
  expect(checked.stdout).toContain('<code>100</code> | <code>50</code>');
  expect(await latencyOf('pia')).toBe(100);
  git('checkout', '-q', 'main');
  git('merge', '-q', '--no-ff', '-m', 'merge it', 'faster');
  const merged = git('rev-parse', 'HEAD');
  expect(await synced()).toMatchObject({ status: 0, stdout: expect.stringContaining('applied: merge it') });
  expect(await latencyOf('pia')).toBe(50);
  expect((await versionsOf('pia'))[0]).toMatchObject({ version: 2, origin: 'update', reason: `git ${merged}` });
  const { observedGeneration } = (await botNamed('pia')) ?? {};
  expect(observedGeneration).toBe(2);
});

test('a commit is tried once, and what came of it is kept by its commit', async () => {
  write('ws/all.yaml', fleet(), bot('quinn', 100));
  const head = commit();
  const first = await synced('--notes', '-o', 'json');
  expect(JSON.parse(first.stdout)).toMatchObject({
    commit: head,
    outcome: 'applied',
    counts: { create: 2, change: 0, delete: 0 },
    items: [
      { title: `fleet/${fleetName}`, action: 'create' },
      { title: `bot/${fleetName}/quinn`, action: 'create' },
    ],
    problems: [],
    waiting: [],
  });
  expect(JSON.parse(git('notes', '--ref=molthub', 'show', head))).toMatchObject({ commit: head, outcome: 'applied' });
  const events = await eventCount();
  expect(await synced('-o', 'json')).toMatchObject({
    status: 0,
    stdout: '',
    stderr: expect.stringContaining('applied already'),
  });
  // Another folder of state: the commit is new to it, and there is nothing to do all the same.
  const state = join(home, 'elsewhere');
  expect(await synced('--state', state)).toMatchObject({ status: 0, stdout: expect.stringContaining('2 unchanged') });
  expect(JSON.parse(readFileSync(join(state, 'commits', `${head}.json`), 'utf8'))).toMatchObject({
    commit: head,
    outcome: 'applied',
  });
  expect(await eventCount()).toBe(events);
});

const broken: readonly (readonly [name: string, breakIt: () => void, said: RegExp])[] = [
  ['that is no YAML', () => write('ws/bad.yaml', 'kind: [\n'), /ws\/bad\.yaml:\d+: /],
  [
    'with a field that there is not',
    () => write('ws/bad.yaml', `${fleet().replace(fleetName, 'other')}  colour: red\n`),
    /ws\/bad\.yaml:5: .*/,
  ],
  ['that describes a thing twice', () => write('ws/bad.yaml', fleet()), /is also described at ws\//],
  [
    'that names a fleet that nobody has',
    () => write('ws/bad.yaml', bot('rob', 1).replace(fleetName, 'nowhere')),
    /there is no fleet 'nowhere'/,
  ],
  [
    'whose bot its engine refuses',
    () => write('ws/bad.yaml', bot('rob', 1, ', crashEveryS: 0.5')),
    /bot\/.*\/rob: .*crashEveryS/,
  ],
  [
    'with a link that leaves the folder',
    () => symlinkSync('/etc/hostname', join(repo, 'ws/bad.yaml')),
    /ws\/bad\.yaml: is a symbolic link/,
  ],
  ['that is empty', () => rmSync(join(repo, 'ws/all.yaml')), /an empty folder is taken for a mistake/],
];

test('a broken commit changes nothing at all, and says why; mended, it goes on from there', async () => {
  write('ws/all.yaml', fleet(), bot('sam', 100));
  write('README.md', 'not ours');
  const base = commit();
  expect((await synced()).status).toBe(0);
  const events = await eventCount();
  for (const [name, breakIt, said] of broken) {
    git('reset', '-q', '--hard', base);
    write('ws/all.yaml', fleet(), bot('sam', 50));
    breakIt();
    commit(name);
    const { status, stdout } = await synced('--prune');
    expect({ status, stdout }, name).toEqual({
      status: 1,
      stdout: expect.stringContaining(`broken: ${name} (nothing was changed)`),
    });
    expect(stdout).toMatch(said);
    expect(await eventCount(), name).toBe(events);
  }
  expect(await latencyOf('sam')).toBe(100);
  git('reset', '-q', '--hard', base);
  write('ws/all.yaml', fleet(), bot('sam', 40));
  commit('mended');
  expect((await synced()).status).toBe(0);
  expect(await latencyOf('sam')).toBe(40);
}, 300_000);

test('tests of packs may lie beside what is applied', async () => {
  const judge = '{ packId: builtin-security-baseline, tests: [{ name: a, manifest: {}, expect: { valid: true } }] }';
  write('ws/all.yaml', fleet());
  write('ws/test.yaml', `apiVersion: molthub/v1\nkind: PolicyTest\nmetadata: { name: t }\nspec: ${judge}\n`);
  commit('tests of a pack');
  expect(await synced()).toMatchObject({ status: 0, stdout: expect.stringContaining('applied: tests of a pack') });
  expect(await molthub(['apply', '-f', join(repo, 'ws'), '--dry-run'])).toMatchObject({ status: 0 });
});

test('what policy denies changes nothing either', async () => {
  const deny =
    `apiVersion: molthub/v1\nkind: PolicyPack\nmetadata: { name: ${fleetName} }\nspec:\n  targetTags: { judged: ${fleetName} }\n` +
    `  rules: [{ id: owner, type: required_field, config: { field: metadata.labels.owner } }]\n`;
  write('ws/all.yaml', fleet(), deny, bot('tom', 100));
  commit();
  expect((await synced()).status).toBe(0);
  write(
    'ws/all.yaml',
    fleet(),
    deny,
    bot('tom', 50),
    bot('una', 1).replace(' }\nspec', `, labels: { judged: ${fleetName} } }\nspec`),
  );
  commit();
  const { status, stdout } = await synced();
  expect(status).toBe(1);
  expect(stdout).toMatch(/bot\/.*\/una: .*metadata\.labels\.owner/);
  expect(await latencyOf('tom')).toBe(100);
});

test('a repository may be named by a path from where one stands, and what git says against it is told', async () => {
  write('ws/fleet.yaml', fleet());
  commit();
  const from = relative(process.cwd(), repo);
  const args = (at: string) => ['sync', '--repo', at, '--path', 'ws', '--owner', fleetName, '--once'];
  expect((await molthub(args(from))).status).toBe(0);
  const nowhere = await molthub(args(`${from}-nowhere`));
  expect(nowhere.status).toBe(1);
  expect(nowhere.stderr).toMatch(/fatal: .*nowhere/);
});

test('a bot may come with the template that it is built from', async () => {
  const template = `template-${fleetName}`;
  const layer = `apiVersion: molthub/v1\nkind: Template\nmetadata: { name: ${template} }\nspec: { engine: simulated, manifest: { spec: { config: { simulation: { latencyMs: 75 } } } } }\n`;
  const built = bot('tilda', 1).replace(/ {2}config:.*\n/, `  template: { name: ${template} }\n`);
  write('ws/all.yaml', fleet(), built, layer);
  commit('from a template');
  expect(await synced()).toMatchObject({ status: 0, stdout: expect.stringContaining('(3 to create') });
  expect(await versionsOf('tilda')).toHaveLength(1);
});

test('what was rolled back is held until its file changes', async () => {
  write('ws/vic.yaml', fleet(), bot('vic', 100));
  commit();
  await synced();
  write('ws/vic.yaml', fleet(), bot('vic', 900));
  commit('slower');
  await synced();
  expect((await molthub(['rollback', 'bot', 'vic', '--reason', 'too slow'])).status).toBe(0);
  write('ws/wim.yaml', bot('wim', 1));
  commit('another bot');
  const held = await synced('-o', 'json');
  expect(JSON.parse(held.stdout)).toMatchObject({
    outcome: 'applied',
    counts: { create: 1, held: 1 },
    items: expect.arrayContaining([
      {
        title: `bot/${fleetName}/vic`,
        kind: 'MoltbotInstance',
        action: 'held',
        reason: expect.stringContaining('version 2 was rolled back (too slow)'),
      },
    ]),
  });
  expect(await latencyOf('vic')).toBe(100);
  write('ws/vic.yaml', fleet(), bot('vic', 300));
  commit('not that slow');
  expect((await synced()).status).toBe(0);
  expect(await latencyOf('vic')).toBe(300);
});

test('what its commits describe no more is deleted with --prune, and nothing else', async () => {
  write('ws/all.yaml', fleet(), bot('xia', 1), bot('yan', 1));
  commit();
  await synced();
  expect((await molthub(['apply', '-f', '-'], bot('zoe', 1))).status).toBe(0);
  write('ws/all.yaml', fleet(), bot('xia', 1));
  commit('yan goes');
  expect(await synced()).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0 to create, 0 to change, 2 unchanged'),
  });
  expect(await botNamed('yan')).toBeDefined();
  write('ws/note.yaml', '# nothing new\n');
  commit('yan really goes');
  expect(await synced('--prune')).toMatchObject({ status: 0, stdout: expect.stringContaining('1 to delete') });
  expect(await botNamed('yan')).toBeUndefined();
  expect(await botNamed('zoe')).toBeDefined();
});

test('killed in the middle, it goes on where it was, and makes nothing twice', async () => {
  const names = Array.from({ length: 40 }, (_, index) => `crash-${index}`);
  write('ws/all.yaml', fleet(), ...names.map((name) => bot(name, 1)));
  commit();
  const child = startMolthub(api.url(), api.adminKey, syncArgs('--once'), home);
  await until(async () => botNamed('crash-3'), { what: 'the first bots', timeoutMs: 60_000, everyMs: 5 });
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(await synced()).toMatchObject({ status: 0 });
  for (const name of names) expect((await botNamed(name))?.manifestVersion).toBe(1);
});

test('it watches: what is merged arrives, and Ctrl-C ends it', async () => {
  write('ws/all.yaml', fleet(), bot('watched', 100));
  commit();
  const child = startMolthub(api.url(), api.adminKey, syncArgs('--interval', '1'), home);
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  await until(async () => botNamed('watched'), { what: 'the bot', timeoutMs: 60_000, everyMs: 50 });
  write('ws/all.yaml', 'kind: [\n');
  commit('a mistake');
  await until(() => said.includes('broken: a mistake'), { what: 'the mistake', timeoutMs: 60_000, everyMs: 50 });
  write('ws/all.yaml', fleet(), bot('watched', 77));
  commit('merged');
  await until(() => said.includes('applied: merged'), { what: 'the change', timeoutMs: 60_000, everyMs: 50 });
  expect(await latencyOf('watched')).toBe(77);
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('ending') });
});

test('what git cannot do is told', async () => {
  expect(await synced()).toMatchObject({ status: 1, stderr: expect.stringContaining('git fetch: ') });
  expect(await molthub(['sync', '--once', '--repo', 'ext::sh -c touch% /tmp/x', '--owner', 'x'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('git fetch: '),
  });
  expect((await molthub(['sync', '--once', '--repo', '--upload-pack=x', '--owner', 'x'])).status).toBe(2);
  expect((await synced('--path', '../..')).status).toBe(2);
  expect((await synced('--ref=--upload-pack=x')).status).toBe(1);
  const secret = await molthub(['sync', '--once', '--repo', 'http://me:hunter2@127.0.0.1:9/x.git', '--owner', 'x']);
  expect(secret).toMatchObject({ status: 1 });
  expect(secret.stderr).not.toContain('hunter2');
});
