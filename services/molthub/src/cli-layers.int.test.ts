// `molthub apply` and `delete` of a layer: what they say, and how they end, where its bots do not get there.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { type Molthub, molthubOf } from './cli-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let molthub: Molthub;
let name: string;
let tests = 0;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
  molthub = molthubOf(api.url, api.adminKey);
});
afterAll(() => api.close());
beforeEach(() => {
  tests += 1;
  name = `layer-${tests}`;
});

const fleet = (mode: 'auto' | 'manual') =>
  `apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: ${name} }\n` +
  `spec: { environment: dev, release: { mode: ${mode}, strategy: { kind: ALL } } }\n`;
const bot = (own: string, simulation = '') =>
  `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: ${name}-${own}, fleet: ${name} }\n` +
  `spec:\n  runtime: { engine: simulated }\n  target: { kind: simulated }\n` +
  (simulation === '' ? '' : `  config: { simulation: { ${simulation} } }\n`);
const overlay = (simulation: string) =>
  `apiVersion: molthub/v1\nkind: Overlay\nmetadata: { name: ${name} }\n` +
  `spec: { target: { fleet: ${name} }, patch: { spec: { config: { simulation: { ${simulation} } } } } }\n`;
const profile = (simulation: string) =>
  `apiVersion: molthub/v1\nkind: Profile\nmetadata: { name: ${name} }\n` +
  `spec: { fleets: [${name}], defaults: { spec: { config: { simulation: { ${simulation} } } } } }\n`;
const apply = (documents: readonly string[], ...more: string[]) =>
  molthub(['apply', '-f', '-', ...more], documents.join('---\n'));
const changeSets = async () => {
  const fleets = await api.call('GET', `/api/v1/fleets?name=${name}`);
  const [found] = z.array(z.object({ id: z.uuid() })).parse(fleets.body['items']);
  const { body } = await api.call('GET', `/api/v1/change-sets?fleetId=${found?.id}`);
  return z.array(z.object({ id: z.uuid(), name: z.string(), status: z.string() })).parse(body['items']);
};
const layerChangeSet = async (version: number) =>
  (await changeSets()).find((one) => one.name === `profile ${name} version ${version}`);

test('a bot that fails while it converges is named with its reason, and ends it with 1', async () => {
  expect(await apply([fleet('auto'), bot('a'), bot('b')])).toMatchObject({ status: 0 });
  const { status, stderr } = await apply([profile('failApply: true')]);
  expect(status, stderr).toBe(1);
  expect(stderr).toContain(`profile/${name} moves 2 bots`);
  expect(stderr).toContain('molthub: not every bot is what it is to be');
  for (const own of ['a', 'b']) {
    expect(stderr).toMatch(new RegExp(`bot/${name}/${name}-${own}: .*failApply`));
  }
});

test('in a fleet that releases manually it says what to start, and ends with 0', async () => {
  expect(await apply([fleet('manual'), bot('a')])).toMatchObject({ status: 0 });
  const { status, stderr } = await apply([profile('latencyMs: 1')]);
  const changeSet = await layerChangeSet(1);
  expect(status, stderr).toBe(0);
  expect(changeSet).toMatchObject({ status: 'PLANNED' });
  expect(stderr).toContain(
    `change set ${changeSet?.id} is not started: its fleet releases manually; molthub rollout start ${changeSet?.id}`,
  );
});

test('with --no-wait it names the change set, and ends with 0 whatever comes of it', async () => {
  expect(await apply([fleet('auto'), bot('a')])).toMatchObject({ status: 0 });
  const { status, stderr } = await apply([profile('failApply: true')], '--no-wait');
  expect(status, stderr).toBe(0);
  const [, id] = /by change set (?<id>[0-9a-f-]{36}); molthub rollout status/.exec(stderr) ?? [];
  const watched = await molthub(['rollout', 'status', id ?? '', '--watch']);
  expect(watched).toMatchObject({ status: 1, stderr: expect.stringContaining('the change set ended as FAILED') });
  expect(await layerChangeSet(1)).toMatchObject({ id });
});

test('when the time is over it says so of each bot, and ends with 1; the bots go on', async () => {
  expect(await apply([fleet('auto'), bot('a')])).toMatchObject({ status: 0 });
  const { status, stderr } = await apply([profile('applyMs: 6000')], '--timeout', '2');
  const changeSet = await layerChangeSet(1);
  expect(status, stderr).toBe(1);
  expect(stderr).toMatch(new RegExp(`bot/${name}/${name}-a: still [A-Z]+ when the time was over`));
  const watched = await molthub(['rollout', 'status', changeSet?.id ?? '', '--watch']);
  expect(watched, watched.stderr).toMatchObject({ status: 0, stdout: expect.stringContaining('SUCCEEDED') });
});

test('a layer that is deleted moves its bots, too: they are told, and waited for', async () => {
  expect(await apply([fleet('auto'), bot('a'), profile('latencyMs: 1')])).toMatchObject({ status: 0 });
  const deleted = await molthub(['delete', 'profile', name]);
  expect(deleted.status, deleted.stderr).toBe(0);
  // A change set ends a moment after the last of its bots, which is what was waited for.
  const ended = async () => {
    const found = await layerChangeSet(2);
    return found?.status === 'SUCCEEDED' && found;
  };
  const changeSet = await until(ended, { what: 'the change set to have succeeded' });
  expect(deleted.stderr).toContain(`profile/${name} moves 1 bot`);
  expect(deleted.stderr).toContain(`change set ${changeSet.id}`);
});

test('a layer that is deleted ends it with 1 where its bots fail without it, and is not waited for with --no-wait', async () => {
  expect(await apply([fleet('auto'), overlay('latencyMs: 5')])).toMatchObject({ status: 0 });
  expect(await apply([bot('a', 'failApply: true')])).toMatchObject({ status: 1 });
  const deleted = await molthub(['delete', 'overlay', name]);
  expect(deleted.status, deleted.stderr).toBe(1);
  expect(deleted.stderr).toMatch(new RegExp(`bot/${name}/${name}-a: .*failApply`));
  expect(await apply([overlay('latencyMs: 5')], '--no-wait')).toMatchObject({ status: 0 });
  const quick = await molthub(['delete', 'overlay', name, '--no-wait']);
  expect(quick.status, quick.stderr).toBe(0);
});

test('two layers of one apply that reach the same bot end with 0 once it is there', async () => {
  expect(await apply([fleet('auto'), bot('a')])).toMatchObject({ status: 0 });
  const { status, stderr } = await apply([profile('latencyMs: 1'), overlay('requestsPerMinute: 1')]);
  expect(status, stderr).toBe(0);
});

test('a layer and the bots that it moves may change in one apply', async () => {
  const bots = (latencyMs: number) =>
    Array.from({ length: 24 }, (_, index) => bot(`${index}`, `latencyMs: ${latencyMs}`));
  expect(await apply([fleet('auto'), profile('startMs: 1'), ...bots(1)])).toMatchObject({ status: 0 });
  const documents = [fleet('auto'), profile('startMs: 2'), ...bots(2)];
  const { status, stderr } = await apply(documents);
  expect(status, stderr).toBe(0);
  expect((await apply(documents)).stdout).toContain('0 to create, 0 to change, 26 unchanged');
});

test('a document that is refused is told beside a bot that fails', async () => {
  const { status, stderr } = await apply([fleet('auto'), bot('a', 'failApply: true'), bot('b', 'applyMs: nope')]);
  expect(status, stderr).toBe(1);
  expect(stderr).toContain('1 document was refused, and not every bot is what it is to be');
  expect(stderr).toContain(`bot/${name}/${name}-b: `);
  expect(stderr).toMatch(new RegExp(`bot/${name}/${name}-a: .*failApply`));
});

test('in a fleet that is paused it says so of each bot, and ends with 0', async () => {
  expect(await apply([fleet('auto'), bot('a')])).toMatchObject({ status: 0 });
  const fleets = await api.call('GET', `/api/v1/fleets?name=${name}`);
  const [found] = z.array(z.object({ id: z.uuid() })).parse(fleets.body['items']);
  await api.call('PATCH', `/api/v1/fleets/${found?.id}/status`, { body: { status: 'PAUSED' } });
  const { status, stderr } = await apply([bot('a', 'latencyMs: 1')]);
  expect(status, stderr).toBe(0);
  expect(stderr).toContain(`bot/${name}/${name}-a: is not released: its fleet is PAUSED`);
});
