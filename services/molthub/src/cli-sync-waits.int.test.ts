// `molthub sync --once` ends with 0 only when everything that its commit asks for has reached its bots.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { type Molthub, molthubOf } from './cli-under-test.ts';
import { openRepository, type Repository } from './git-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
});
afterAll(() => api.close());

let home: string;
let repository: Repository;
let molthub: Molthub;
let owner: string;
let tests = 0;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'molthub-sync-'));
  repository = openRepository(join(home, 'origin'));
  molthub = molthubOf(api.url, api.adminKey, home);
  tests += 1;
  owner = `waits-${tests}`;
});
afterEach(() => rmSync(home, { recursive: true }));

const fleet = (mode: 'auto' | 'manual', name = owner) =>
  `apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: ${name} }\n` +
  `spec: { environment: dev, release: { mode: ${mode}, strategy: { kind: ALL } } }\n`;
const bot = (name: string, simulation: string, fleetName = owner) =>
  `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: ${name}, fleet: ${fleetName} }\nspec:\n` +
  `  runtime: { engine: simulated }\n  target: { kind: simulated }\n  config: { simulation: { ${simulation} } }\n`;
const profileOf = (simulation: string) =>
  `apiVersion: molthub/v1\nkind: Profile\nmetadata: { name: ${owner} }\n` +
  `spec: { fleets: [${owner}], defaults: { spec: { config: { simulation: { ${simulation} } } } } }\n`;
const profile = (latencyMs: number) => profileOf(`latencyMs: ${latencyMs}`);
const once = (...more: string[]) =>
  molthub(['sync', '--once', '--repo', repository.folder, '--path', 'ws', '--owner', owner, ...more]);
/** What a bot is, without the repository: by hand. */
const byHand = (document: string) => molthub(['apply', '-f', '-'], document);

const Things = z.array(z.object({ id: z.uuid() }));
const idOf = async (path: string, name: string): Promise<string> => {
  const { body } = await api.call('GET', `/api/v1${path}?name=${name}`);
  return Things.parse(body['items'])[0]?.id ?? '';
};
const stays = 'startMs: 600000';
const Status = z.looseObject({
  outcome: z.string(),
  waiting: z.array(z.looseObject({ state: z.string(), path: z.string() })),
});
const statesIn = (stdout: string) =>
  Status.parse(JSON.parse(stdout)).waiting.map(({ state, path }) => `${state} ${path}`);

test('a commit whose bots are not all there ends with 1, and says which are late, failed, or wait for a person', async () => {
  const [late, failed, byPerson] = [`bot/${owner}/late`, `bot/${owner}/failed`, `bot/${owner}-hand/hand`];
  repository.write('ws/all.yaml', fleet('auto'), fleet('manual', `${owner}-hand`));
  repository.write('ws/bots.yaml', bot('late', stays), bot('failed', 'failApply: true'), bot('fine', 'latencyMs: 1'));
  repository.write('ws/hand.yaml', bot('hand', 'latencyMs: 1', `${owner}-hand`));
  repository.commit('four bots');
  const first = await once('--timeout', '5');
  expect(first, first.stdout).toMatchObject({ status: 1, stdout: expect.stringContaining('applied: four bots') });
  expect(first.stdout).toContain('not there yet: 1 late, 1 failed, 1 manual (a person starts it)');
  expect(first.stdout).toMatch(new RegExp(`late: ${late}: still `));
  expect(first.stdout).toMatch(new RegExp(`failed: ${failed}: .*failApply`));
  expect(first.stdout).toMatch(new RegExp(`manual: ${byPerson}: is not released: its fleet releases manually`));
  expect(first.stdout).not.toContain('/fine');

  // The commit is not applied again, but its bots are looked at again.
  const second = await once('--timeout', '0', '-o', 'json');
  expect(second).toMatchObject({ status: 1, stderr: expect.stringContaining('is applied already') });
  expect(statesIn(second.stdout).toSorted()).toEqual([`failed ${failed}`, `late ${late}`, `manual ${byPerson}`]);

  // One is mended by hand, one is deleted, and one is released.
  const mended = await byHand(bot('failed', 'latencyMs: 2'));
  expect(mended.status, mended.stderr).toBe(0);
  expect(await molthub(['delete', 'bot', 'late'])).toMatchObject({ status: 0 });
  const body = {
    name: 'by hand',
    targets: { botInstanceIds: [await idOf('/bot-instances', 'hand')] },
    strategy: { kind: 'ALL' },
  };
  const planned = await api.call('POST', '/api/v1/change-sets', { body });
  expect(planned.status, planned.text).toBe(201);
  expect(statesIn((await once('--timeout', '0', '-o', 'json')).stdout)).toEqual([`manual ${byPerson}`]);
  const started = await api.call('POST', `/api/v1/change-sets/${String(planned.body['id'])}/start`, { body: {} });
  expect(started.status, started.text).toBe(200);
  expect(await once('--timeout', '60')).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('applied already'),
  });
  // Now it is known, and nobody is asked any more.
  expect(await once('-o', 'json')).toMatchObject({ status: 0, stdout: '' });
});

test('a bot whose fleet is paused waits for a person, too', async () => {
  await byHand(fleet('auto'));
  const path = `/api/v1/fleets/${await idOf('/fleets', owner)}/status`;
  expect((await api.call('PATCH', path, { body: { status: 'PAUSED' } })).status).toBe(200);
  repository.write('ws/all.yaml', fleet('auto'), bot('paused', 'latencyMs: 1'));
  repository.commit();
  const { status, stdout } = await once('--timeout', '1');
  expect(status).toBe(1);
  expect(stdout).toContain(`manual: bot/${owner}/paused: is not released: its fleet is PAUSED`);
});

test('bots that an earlier run sent and did not wait for are waited for, too', async () => {
  repository.write('ws/all.yaml', fleet('auto'), bot(`${owner}-slow`, stays), bot(`${owner}-fine`, 'latencyMs: 1'));
  repository.commit();
  expect((await once('--timeout', '0')).status).toBe(1);
  // Another folder of state knows nothing of that run: nothing is to be changed, and one bot is still not there.
  const state = join(home, 'elsewhere');
  const again = await once('--timeout', '1', '--state', state, '-o', 'json');
  expect(again.status, again.stdout).toBe(1);
  expect(statesIn(again.stdout)).toEqual([`late bot/${owner}/${owner}-slow`]);
  // Somebody deletes it: what is gone is not waited for.
  expect((await molthub(['delete', 'bot', `${owner}-slow`])).status).toBe(0);
  expect(await once('--timeout', '30', '--state', state)).toMatchObject({ status: 0 });
});

test('a commit that changes a layer waits for the bots that it moves', async () => {
  repository.write('ws/all.yaml', fleet('auto'), bot('layered', ''), profile(1));
  repository.commit('one');
  expect(await once()).toMatchObject({ status: 0 });
  const id = await idOf('/bot-instances', 'layered');
  const latencyOf = async () =>
    JSON.stringify((await api.call('GET', `/api/v1/bot-instances/${id}/resolved`)).body['resolved']);
  repository.write('ws/all.yaml', fleet('auto'), bot('layered', ''), profile(2));
  repository.commit('two');
  const moved = await once();
  expect(moved, moved.stdout).toMatchObject({
    status: 0,
    stderr: expect.stringContaining(`profile/${owner} moves 1 bot`),
  });
  expect(await latencyOf()).toContain('"latencyMs":2');
  const { body } = await api.call('GET', `/api/v1/bot-instances/${id}`);
  expect(body).toMatchObject({ manifestVersion: 2, observedGeneration: 2 });

  // By hand now: the change set is planned, and waits for a person.
  repository.write('ws/all.yaml', fleet('manual'), bot('layered', ''), profile(3));
  repository.commit('three');
  const waits = await once('-o', 'json');
  expect(waits.status, waits.stdout).toBe(1);
  expect(statesIn(waits.stdout)).toEqual([expect.stringContaining(`manual profile/${owner}, change set`)]);
  const changeSet = /change set (?<id>[0-9a-f-]{36})/.exec(waits.stdout)?.groups?.['id'] ?? '';
  expect((await once('--timeout', '0')).status).toBe(1);
  expect((await molthub(['rollout', 'start', changeSet])).status).toBe(0);
  await until(async () => (await once('--timeout', '10')).status === 0, { what: 'the bot to be there' });
});

test('a commit that changes a layer and a bot below it ends with 0 once the bot is there', async () => {
  repository.write('ws/all.yaml', fleet('auto'), bot(`${owner}-a`, 'applyMs: 1'), profile(1));
  repository.commit('one');
  expect(await once()).toMatchObject({ status: 0 });
  repository.write('ws/all.yaml', fleet('auto'), bot(`${owner}-a`, 'applyMs: 2'), profile(2));
  repository.commit('two');
  const both = await once();
  expect(both.status, both.stdout).toBe(0);
});

test('bots of a layer that an earlier run sent are looked at, and are done once they are mended', async () => {
  const name = `${owner}-a`;
  expect(await byHand(`${fleet('auto')}---\n${bot(name, '')}`)).toMatchObject({ status: 0 });
  repository.write('ws/all.yaml', profileOf('failApply: true'));
  repository.commit('a layer that fails its bot');
  expect(await once('--timeout', '0')).toMatchObject({ status: 1 });
  // Another folder of state knows as little of that run as one that was killed while it waited.
  const state = join(home, 'elsewhere');
  const failed = await once('--state', state, '--timeout', '30', '-o', 'json');
  expect(failed.status, failed.stdout).toBe(1);
  expect(statesIn(failed.stdout)).toEqual([`failed bot/${owner}/${name}`]);
  const mended = await byHand(bot(name, 'failApply: false'));
  expect(mended.status, mended.stderr).toBe(0);
  const again = await once('--state', state, '--timeout', '0');
  expect(again.status, again.stdout).toBe(0);
});

test('a bot whose release policy denies fails with what policy says, long before the time is over', async () => {
  const rules =
    `apiVersion: molthub/v1\nkind: PolicyPack\nmetadata: { name: ${owner} }\nspec:\n  targetTags: { judged: ${owner} }\n` +
    '  rules: [{ id: team, type: required_field, severity: ERROR, actions: { draft: warn, plan: warn, apply: deny }, ' +
    'config: { field: metadata.labels.team } }]\n';
  const judged = bot(`${owner}-a`, '').replace('fleet:', `labels: { judged: ${owner} }, fleet:`);
  repository.write('ws/all.yaml', fleet('auto'), rules, judged);
  repository.commit();
  const from = Date.now();
  const { status, stdout } = await once('--timeout', '120');
  expect(status, stdout).toBe(1);
  expect(stdout).toMatch(new RegExp(`failed: bot/${owner}/${owner}-a: Policy denies the release of version 1: .*team`));
  expect(Date.now() - from).toBeLessThan(100_000);
});

test('a bot that somebody stopped waits for a person', async () => {
  const name = `${owner}-a`;
  repository.write('ws/all.yaml', fleet('auto'), bot(name, ''));
  repository.commit('one');
  expect(await once()).toMatchObject({ status: 0 });
  const path = `/api/v1/bot-instances/${await idOf('/bot-instances', name)}`;
  await api.call('POST', `${path}/stop`, { body: {} });
  const isStopped = async () => (await api.call('GET', path)).body['status'] === 'STOPPED';
  await until(isStopped, { what: 'the bot to be stopped' });
  repository.write('ws/all.yaml', fleet('auto'), bot(name, 'latencyMs: 1'));
  repository.commit('two');
  const { status, stdout } = await once('-o', 'json');
  expect(status, stdout).toBe(1);
  expect(statesIn(stdout)).toEqual([`manual bot/${owner}/${name}`]);
});

test('a key with the scopes that the documentation names is enough', async () => {
  const things = ['fleet', 'bot', 'manifest', 'template', 'profile', 'overlay', 'policy'];
  const scopes = [...things.map((thing) => `${thing}:*`), 'change-set:read', 'operation:read'];
  const made = await api.call('POST', '/api/v1/api-keys', { body: { name: owner, role: 'ADMIN', scopes } });
  molthub = molthubOf(api.url, z.object({ key: z.string() }).parse(made.body).key, home);
  for (const latencyMs of [1, 2]) {
    repository.write('ws/all.yaml', fleet('auto'), bot(`${owner}-a`, `applyMs: ${latencyMs}`), profile(latencyMs));
    repository.commit();
    const { status, stdout } = await once();
    expect(status, stdout).toBe(0);
  }
});
