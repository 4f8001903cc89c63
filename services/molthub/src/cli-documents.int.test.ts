// Documents against a real gateway: a folder is a whole workspace, applied, compared, exported and pruned.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { type Molthub, molthubOf } from './cli-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let molthub: Molthub;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
  molthub = molthubOf(api.url, api.adminKey);
});
afterAll(() => api.close());

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molthub-workspace-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, ...documents: string[]) => writeFile(join(folder, name), documents.join('---\n'));
const fleet = (name: string, more = '') =>
  `apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: ${name} }\nspec: { environment: dev${more} }\n`;
const bot = (name: string, fleetName: string, latencyMs = 200) =>
  `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: ${name}, fleet: ${fleetName}, labels: { team: care } }\n` +
  `spec:\n  runtime: { engine: simulated }\n  target: { kind: simulated }\n` +
  `  config: { simulation: { latencyMs: ${latencyMs} } }\n`;
const pack = (name: string, priority: number) =>
  `apiVersion: molthub/v1\nkind: PolicyPack\nmetadata: { name: ${name} }\nspec:\n  priority: ${priority}\n` +
  `  targetTags: { team: nobody }\n  rules: [{ id: a, type: required_field, config: { field: metadata.labels.team } }]\n`;

const Items = z.object({ items: z.array(z.object({ title: z.string(), action: z.string() })) });
const actions = (stdout: string) =>
  Items.parse(JSON.parse(stdout)).items.map(({ title, action }) => `${action} ${title}`);
const eventCount = async (service: 'config' | 'policy') => {
  const rows = await api.service(service).runtime.reads('select count(*)::int as count from events');
  return z.object({ count: z.int() }).parse(rows[0]).count;
};
const namesOf = async (path: string) => {
  const { body } = await api.call('GET', `/api/v1${path}?limit=500`);
  return z
    .array(z.object({ name: z.string() }))
    .parse(body['items'])
    .map(({ name }) => name);
};

test('a folder is applied in the order of the kinds, and a second time nothing is sent', async () => {
  await write('1-bots.yaml', bot('ada', 'first'), bot('ben', 'first'));
  await write('2-fleet.yaml', fleet('first'), pack('first-rules', 300));
  const before = await molthub(['diff', '-f', folder, '-o', 'json']);
  expect(before.status).toBe(1);
  expect(actions(before.stdout)).toEqual([
    'create policy-pack/first-rules',
    'create fleet/first',
    'create bot/first/ada',
    'create bot/first/ben',
  ]);
  const dry = await molthub(['apply', '-f', folder, '--dry-run']);
  expect(dry).toMatchObject({ status: 0, stdout: expect.stringContaining('4 to create') });
  expect(await namesOf('/fleets')).not.toContain('first');
  expect(await molthub(['apply', '-f', folder])).toMatchObject({ status: 0 });
  const sent = await Promise.all([eventCount('config'), eventCount('policy')]);
  const again = await molthub(['apply', '-f', folder]);
  expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('0 to create, 0 to change, 4 unchanged') });
  expect(await Promise.all([eventCount('config'), eventCount('policy')])).toEqual(sent);
  expect((await molthub(['diff', '-f', folder])).status).toBe(0);
});

test('what is exported says all that was applied, and can be applied again without a change', async () => {
  await write(
    'all.yaml',
    fleet(
      'round',
      ', tags: { a: "1" }, description: "round: trip", enforcedPolicyPacks: [round-rules, builtin-security-baseline]',
    ),
    bot('cleo', 'round'),
    pack('round-rules', 7),
  );
  expect((await molthub(['apply', '-f', folder, '--owner', 'round'])).status).toBe(0);
  const out = join(folder, 'out');
  expect(await molthub(['export', '--to', out])).toMatchObject({ status: 0 });
  expect((await readdir(out)).sort()).toEqual(['bot', 'fleet', 'policy-pack']);
  const unchanged = await molthub(['diff', '-f', out, '-o', 'json']);
  expect({
    status: unchanged.status,
    changed: actions(unchanged.stdout).filter((one) => !one.startsWith('unchanged')),
  }).toEqual({ status: 0, changed: [] });
  expect(await molthub(['fmt', '--check', out])).toMatchObject({ status: 0 });
  expect(await molthub(['lint', out])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0 errors, 0 warnings'),
  });
  const one = await molthub(['export', 'bot', 'cleo']);
  expect(one.stdout).toContain('name: cleo');
  expect(one.stdout).not.toContain('molthub.dev');
  expect(await molthub(['diff', '-f', '-'], one.stdout)).toMatchObject({ status: 0 });
  const json = await molthub(['export', 'fleet', 'round', '-o', 'json']);
  expect(JSON.parse(json.stdout)).toMatchObject([
    { kind: 'Fleet', spec: { tags: { a: '1' }, description: 'round: trip' } },
  ]);
  expect(await molthub(['export', '--to', out])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('is there already; export into an empty folder'),
  });
});

test('the export of the API can be applied too, although the bot was proposed without its fleet', async () => {
  await write('fleet.yaml', fleet('bare'));
  await molthub(['apply', '-f', folder]);
  const { body } = await api.call('GET', '/api/v1/fleets?name=bare');
  const [{ id: fleetId } = { id: '' }] = z.array(z.object({ id: z.uuid() })).parse(body['items']);
  const manifest = {
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name: 'dora' },
    spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' } },
  };
  const created = await api.call('POST', '/api/v1/bot-instances', { body: { fleetId, manifest } });
  const exported = await api.call(
    'GET',
    `/api/v1/bot-instances/${z.uuid().parse(created.body['id'])}/manifests/export`,
  );
  expect(await molthub(['diff', '-f', '-'], exported.text)).toMatchObject({ status: 0 });
});

test('versions are compared, and any of them is given again', async () => {
  for (const latencyMs of [100, 200, 300]) {
    await write('all.yaml', fleet('versions'), bot('emil', 'versions', latencyMs));
    expect((await molthub(['apply', '-f', folder])).status).toBe(0);
  }
  const changed = await molthub(['diff', 'bot', 'emil', '--from', '1', '--to', '3']);
  expect(changed).toMatchObject({ status: 1, stdout: expect.stringContaining('latencyMs: 100 → 300') });
  expect((await molthub(['diff', 'bot', 'emil', '--from', '2', '--to', '2'])).status).toBe(0);
  expect((await molthub(['diff', 'bot', 'emil', '--from', '1', '--to', '9'])).status).toBe(2);
  expect(await molthub(['rollback', 'bot', 'emil', '--to', '1'])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('version 4 of emil has the earlier content'),
  });
  expect((await molthub(['diff', 'bot', 'emil', '--from', '1', '--to', '4'])).status).toBe(0);
});

test('only what this owner applied is ever pruned, and only when that was confirmed', async () => {
  await write('all.yaml', fleet('pruned'), bot('fay', 'pruned'), bot('gus', 'pruned'));
  expect((await molthub(['apply', '-f', folder, '--owner', 'team/a'])).status).toBe(0);
  // Another owner's, and one that nobody says is his.
  expect((await molthub(['apply', '-f', '-', '--owner', 'team/b'], bot('hal', 'pruned'))).status).toBe(0);
  expect((await molthub(['apply', '-f', '-'], bot('ida', 'pruned'))).status).toBe(0);
  await write('all.yaml', fleet('pruned'), bot('fay', 'pruned'));
  const prune = ['apply', '-f', folder, '--owner', 'team/a', '--prune'];
  expect((await molthub(['apply', '-f', folder, '--prune'])).status).toBe(2);
  const shown = await molthub(['diff', '-f', folder, '--owner', 'team/a', '--prune', '-o', 'json']);
  expect(actions(shown.stdout)).toEqual([
    'unchanged fleet/pruned',
    'unchanged bot/pruned/fay',
    'delete bot/pruned/gus',
  ]);
  expect(await molthub(prune)).toMatchObject({ status: 1, stderr: expect.stringContaining('add --yes to delete') });
  expect(await namesOf('/bot-instances')).toContain('gus');
  expect(await molthub([...prune, '--yes'])).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('1 thing deleted'),
  });
  const names = await namesOf('/bot-instances');
  expect(names).not.toContain('gus');
  expect(names).toEqual(expect.arrayContaining(['fay', 'hal', 'ida']));
  // Applied by hand, without an owner, it still belongs to its owner.
  expect(await molthub(['apply', '-f', folder])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0 to change'),
  });
  expect(await molthub(['apply', '-f', '-', '--owner', 'team/a'], bot('hal', 'pruned'))).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('it belongs to team/b, not to team/a'),
  });
});

test('a fleet goes after its bots, and a folder that describes nothing prunes nothing', async () => {
  await write('all.yaml', fleet('gone'), bot('jon', 'gone'));
  await write('kept.yaml', fleet('kept'));
  expect((await molthub(['apply', '-f', folder, '--owner', 'gone'])).status).toBe(0);
  await rm(join(folder, 'all.yaml'));
  const prune = ['apply', '-f', folder, '--owner', 'gone', '--prune', '--yes'];
  expect(await molthub(prune)).toMatchObject({ status: 0, stderr: expect.stringContaining('2 things deleted') });
  expect(await namesOf('/fleets')).not.toContain('gone');
  await rm(join(folder, 'kept.yaml'));
  await writeFile(join(folder, 'empty.yaml'), '# nothing\n');
  expect(await molthub(prune)).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing to apply') });
  expect(await namesOf('/fleets')).toContain('kept');
});

test('waivers are documents too: made after what they are about, exported by names, and replaced where they say another thing', async () => {
  const end = new Date(Date.now() + 7 * 86_400_000).toISOString();
  const waiver = (name: string, target: string, owner = 'Ada') =>
    `apiVersion: molthub/v1\nkind: Waiver\nmetadata: { name: ${name} }\nspec:\n  pack: waived-rules\n  rule: a\n  ${target}\n` +
    `  owner: ${owner}\n  reason: a test\n  expiresAt: ${end}\n`;
  const waivable = pack('waived-rules', 5).replace('type:', 'allowOverride: true, type:');
  await write(
    'all.yaml',
    waiver('one-bot', 'bot: waived/kim'),
    waiver('all-bots', 'fleet: waived'),
    bot('kim', 'waived'),
    waivable,
    fleet('waived'),
  );
  expect(await molthub(['apply', '-f', folder])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('5 to create'),
  });
  expect((await molthub(['diff', '-f', folder])).status).toBe(0);
  const exported = await molthub(['export', 'waiver', 'one-bot']);
  expect(exported.stdout).toContain('bot: waived/kim');
  expect(await molthub(['diff', '-f', '-'], exported.stdout)).toMatchObject({ status: 0 });
  const another = await molthub(['apply', '-f', '-'], waiver('one-bot', 'bot: waived/kim', 'Bob'));
  expect(another).toMatchObject({ status: 0, stdout: expect.stringContaining('spec.owner: Ada → Bob') });
  expect((await molthub(['diff', '-f', '-'], waiver('one-bot', 'bot: waived/kim', 'Bob'))).status).toBe(0);
});

test('a bot that is refused is told, and the waiver for it is not sent', async () => {
  const end = new Date(Date.now() + 86_400_000).toISOString();
  const waiver =
    `apiVersion: molthub/v1\nkind: Waiver\nmetadata: { name: vain }\nspec:\n  pack: vain-rules\n  rule: a\n  bot: vain/rita\n` +
    `  owner: Ada\n  reason: a test\n  expiresAt: ${end}\n`;
  const refusedBot = bot('rita', 'vain').replace('latencyMs: 200', 'crashEveryS: 0.5');
  const documents = [fleet('vain'), pack('vain-rules', 8), refusedBot, waiver];
  const { status, stderr } = await molthub(['apply', '-f', '-'], documents.join('---\n'));
  expect(status).toBe(1);
  expect(stderr).toMatch(/bot\/vain\/rita: [^]*crashEveryS[^]*waiver\/vain: was not sent, since its bot was refused/);
});

describe('a waiver whose time is over', () => {
  const waiver = (name: string, expiresAt: string, target = 'fleet: over', reason = 'a test') =>
    `apiVersion: molthub/v1\nkind: Waiver\nmetadata: { name: ${name} }\nspec:\n  pack: over-rules\n  rule: a\n  ${target}\n` +
    `  owner: Ada\n  reason: ${reason}\n  expiresAt: ${expiresAt}\n`;
  const apply = (...documents: string[]) => molthub(['apply', '-f', '-'], documents.join('---\n'));

  test('asks for nothing where there is none, and keeps nothing else from being applied', async () => {
    const rules = pack('over-rules', 5).replace('type:', 'allowOverride: true, type:');
    expect(await apply(fleet('over'), rules)).toMatchObject({ status: 0 });
    const past = await apply(waiver('past', '2026-01-01T00:00:00.000Z'), fleet('over-past'));
    expect(past).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('1 to create, 0 to change, 1 unchanged'),
      stderr: expect.stringMatching(/waiver\/past: .*2026-01-01.* is over/),
    });
    expect((await api.call('GET', '/api/v1/policy/waivers?name=past')).body['total']).toBe(0);
  });

  test('that was deleted before is what its document says, while that says the same', async () => {
    const end = new Date(Date.now() + 4_000).toISOString();
    expect(await apply(waiver('deleted', end))).toMatchObject({ status: 0 });
    expect(await molthub(['delete', 'waiver', 'deleted'])).toMatchObject({ status: 0 });
    await until(async () => Date.now() > Date.parse(end), { what: 'the end that it would have had' });
    const same = await apply(waiver('deleted', end), fleet('over-deleted'));
    expect(same, same.stderr).toMatchObject({ status: 0, stdout: expect.stringContaining('1 unchanged') });
    const sent = await Promise.all([eventCount('config'), eventCount('policy')]);
    expect(await apply(waiver('deleted', end, 'fleet: over', 'another'), bot('olaf', 'over'))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/standard input:10: waiver\/deleted: spec\.expiresAt: .* is over/),
    });
    expect(await Promise.all([eventCount('config'), eventCount('policy')])).toEqual(sent);
  });

  test('is what its document says where that says the same, also when what it was about is gone', async () => {
    const end = new Date(Date.now() + 4_000).toISOString();
    const documents = [waiver('ended', end), waiver('ended-bot', end, 'bot: over/paul')];
    expect(await apply(bot('paul', 'over'), ...documents)).toMatchObject({ status: 0 });
    const statuses = async () => (await api.call('GET', '/api/v1/policy/waivers?status=EXPIRED')).body['total'];
    await until(async () => (await statuses()) === 2, { what: 'the end of both waivers', timeoutMs: 30_000 });
    const unchanged = { status: 0, stdout: expect.stringContaining('2 unchanged') };
    expect(await apply(...documents)).toMatchObject(unchanged);
    // Another reason would be another waiver, and it is too late for that.
    expect(await apply(waiver('ended', end, 'fleet: over', 'another'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('spec.expiresAt'),
    });
    expect(await molthub(['delete', 'bot', 'over/paul'])).toMatchObject({ status: 0 });
    await until(async () => !(await namesOf('/bot-instances')).includes('paul'), { what: 'paul to be gone' });
    expect(await molthub(['delete', 'fleet', 'over'])).toMatchObject({ status: 0 });
    expect(await molthub(['delete', 'policy-pack', 'over-rules'])).toMatchObject({ status: 0 });
    const after = await apply(...documents);
    expect(after, after.stderr).toMatchObject(unchanged);
  });
});
