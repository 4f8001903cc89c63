// What bots violate is kept current without a proposal: packs and waivers change, and bots are judged again.
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let fleetId: string;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
  fleetId = idOf(await api.call('POST', '/api/v1/fleets', { body: { name: 'support', environment: 'dev' } }));
});
afterAll(() => api.close());

type Body = Readonly<Record<string, unknown>>;
const idOf = (answer: { readonly body: Body }) => z.string().parse(answer.body['id']);
const manifest = (name: string, labels: Body) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name, labels },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' } },
});
const createBot = async (name: string, labels: Body) =>
  idOf(await api.call('POST', '/api/v1/bot-instances', { body: { fleetId, manifest: manifest(name, labels) } }));
const rule = { id: 'team', type: 'required_field', config: { field: 'metadata.labels.team' } };
const createPack = async (name: string, more: Body = {}) =>
  idOf(
    await api.call('POST', '/api/v1/policy-packs', {
      body: { name, rules: [rule], targetTags: { pack: name }, ...more },
    }),
  );
const Found = z.array(z.looseObject({ botInstanceId: z.string(), action: z.string() }));
const listed = async (packId: string) =>
  Found.parse((await api.call('GET', `/api/v1/policy/violations?packId=${packId}&limit=500`)).body['items']);
const untilListed = (packId: string, bots: readonly string[]) =>
  until(
    async () => {
      const found = (await listed(packId)).map(({ botInstanceId }) => botInstanceId);
      return JSON.stringify(found.toSorted()) === JSON.stringify([...bots].toSorted());
    },
    { what: `violations of ${bots.length} bots` },
  );
const eventsOf = async (botId: string) => {
  const rows = await api
    .service('policy')
    .log.reads('select type from events where stream_id = $1 order by version', [`violation-${botId}`]);
  return rows.map(({ type }) => String(type));
};

test('a pack that comes, changes and goes opens and resolves what the bots that it targets violate', async () => {
  const [one, two] = [await createBot('one', { pack: 'comes' }), await createBot('two', { pack: 'comes', team: 'a' })];
  const pack = await createPack('comes');
  await untilListed(pack, [one]);
  expect(await eventsOf(one)).toEqual(['policy.violation.opened.v1']);
  expect(await eventsOf(two)).toEqual([]);
  const path = `/api/v1/policy-packs/${pack}`;
  const rules = [{ ...rule, config: { field: 'metadata.labels.owner' } }];
  await api.call('PATCH', path, { body: { rules } });
  await untilListed(pack, [one, two]);
  await api.call('PATCH', path, { body: { isActive: false } });
  await untilListed(pack, []);
  expect((await eventsOf(two)).at(-1)).toBe('policy.violation.resolved.v1');
});

test('a waiver that comes and ends changes what is done about it, and says by whom', async () => {
  const bot = await createBot('three', { pack: 'waived' });
  const pack = await createPack('waived');
  await untilListed(pack, [bot]);
  const scope = { botInstanceId: bot };
  const body = { name: 'w', packId: pack, ruleId: 'team', scope, owner: 'Ada', reason: 'r' };
  const expiresAt = new Date(Date.now() + 6_000).toISOString();
  const made = idOf(await api.call('POST', '/api/v1/policy/waivers', { body: { ...body, expiresAt } }));
  const action = async () => (await listed(pack)).map((found) => found.action).join();
  await until(async () => (await action()) === 'audit', { what: 'the waiver' });
  expect(await listed(pack)).toMatchObject([{ waivedBy: { waiverId: made } }]);
  await until(async () => (await action()) === 'deny', { what: 'its end', timeoutMs: 30_000 });
});

test('a rule may do something else in the background than where a change is proposed', async () => {
  const bot = await createBot('four', { pack: 'milder' });
  const pack = await createPack('milder', { rules: [{ ...rule, actions: { background: 'warn' } }] });
  await untilListed(pack, [bot]);
  expect(await listed(pack)).toMatchObject([{ action: 'warn' }]);
  const more = { manifest: manifest('four', { pack: 'milder', more: '1' }) };
  expect((await api.call('POST', `/api/v1/bot-instances/${bot}/manifests`, { body: more })).status).toBe(422);
  // What was refused is no version of the bot.
  expect(await listed(pack)).toMatchObject([{ action: 'warn' }]);
});

test('what the verdict on a proposal found already is not told again', async () => {
  const pack = await createPack('told', { rules: [{ ...rule, severity: 'WARNING' }] });
  const bot = await createBot('five', { pack: 'told' });
  expect(await listed(pack)).toMatchObject([{ botInstanceId: bot, action: 'warn' }]);
  const reads = (text: string) => api.service('policy').log.reads(text, [bot]);
  const waiting = async () => (await reads('select 1 from to_sweep where bot_id = $1')).length;
  const published = async () => (await reads('select 1 from published where bot_id = $1')).length;
  await until(async () => (await published()) === 1 && (await waiting()) === 0, { what: 'the sweep of the bot' });
  expect(await eventsOf(bot)).toEqual([]);
  expect(await listed(pack)).toHaveLength(1);
});

test('a bot that cannot be judged holds up no other, and is looked at again', async () => {
  const bots: string[] = [];
  for (const name of ['six', 'seven', 'eight']) bots.push(await createBot(name, { pack: 'broken' }));
  const [broken = '', ...others] = bots.toSorted();
  const { log, runtime } = api.service('policy');
  await until(async () => (await log.reads('select 1 from to_sweep limit 1')).length === 0, { what: 'the first look' });
  const [kept] = await log.reads('select resolved from published where bot_id = $1', [broken]);
  const write = (resolved: unknown) =>
    runtime.write((sql) =>
      sql('update published set resolved = $2 where bot_id = $1', [broken, JSON.stringify(resolved)]),
    );
  await write({});
  const pack = await createPack('broken');
  await untilListed(pack, others);
  await write(kept?.['resolved']);
  await untilListed(pack, bots);
});

test('a verdict whose version is never published leaves the bot with what it violates', async () => {
  const bot = await createBot('nine', { pack: 'unpublished' });
  const pack = await createPack('unpublished');
  await untilListed(pack, [bot]);
  const before = await eventsOf(bot);
  const propose = (labels: Body) =>
    api.call('POST', `/api/v1/bot-instances/${bot}/manifests`, { body: { manifest: manifest('nine', labels) } });
  const proposals = async (count: number) => {
    const text = "select 1 from events where stream_id = $1 and type = 'config.manifest.proposed.v1'";
    return (await api.service('config').log.reads(text, [`bot-${bot}`])).length === count;
  };
  await api.stop('policy');
  const good = propose({ pack: 'unpublished', team: 'a' });
  await until(() => proposals(2), { what: 'the good proposal' });
  const bad = propose({ pack: 'unpublished' });
  await until(() => proposals(3), { what: 'the one that takes its place' });
  await api.start('policy');
  expect([(await good).status, (await bad).status]).toEqual([409, 422]);
  await until(async () => (await eventsOf(bot)).length > before.length, { what: 'the sweep after the verdicts' });
  await untilListed(pack, [bot]);
});

test('a rule that does less in the background is not resolved and opened again by each version', async () => {
  const actions = { plan: 'warn', background: 'audit' };
  const pack = await createPack('less', { rules: [{ ...rule, actions }] });
  const bot = await createBot('ten', { pack: 'less' });
  await until(async () => (await listed(pack)).map(({ action }) => action).join() === 'audit', { what: 'the sweep' });
  const before = await eventsOf(bot);
  const body = { manifest: manifest('ten', { pack: 'less', more: '1' }) };
  const answer = await api.call('POST', `/api/v1/bot-instances/${bot}/manifests`, { body });
  expect(answer.status).toBeLessThan(300);
  const reads = (text: string) => api.service('policy').log.reads(text, [bot]);
  await until(
    async () =>
      (await reads('select 1 from published where bot_id = $1 and version = 2')).length === 1 &&
      (await reads('select 1 from to_sweep where bot_id = $1')).length === 0,
    { what: 'the sweep of its second version' },
  );
  expect(await eventsOf(bot)).toEqual(before);
  expect(await listed(pack)).toMatchObject([{ action: 'audit' }]);
});

test('many bots are looked at in pages, once for each change, also by who leads next', {
  timeout: 180_000,
}, async () => {
  const bots: string[] = [];
  while (bots.length < 110) {
    const names = Array.from({ length: 10 }, (_, index) => `many-${bots.length + index}`);
    bots.push(...(await Promise.all(names.map((name) => createBot(name, { pack: 'many' })))));
  }
  await until(async () => (await api.service('policy').log.reads('select 1 from to_sweep limit 1')).length === 0, {
    what: 'the first look',
    timeoutMs: 30_000,
  });
  const pack = await createPack('many');
  await api.stop('policy');
  await api.start('policy');
  await until(async () => (await listed(pack)).length === 110, { what: 'every bot', timeoutMs: 60_000 });
  const counts = await api
    .service('policy')
    .log.reads('select count(*)::int as n from events where stream_id = any($1)', [
      bots.map((id) => `violation-${id}`),
    ]);
  expect(counts).toEqual([{ n: 110 }]);
});
