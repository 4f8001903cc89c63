// A commit that brings a bot together with what policy needs to pass it; and problems are told at their file and line.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withNats, withPostgres } from '@molthub/testing';
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
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'molthub-sync-'));
  repository = openRepository(join(home, 'origin'));
  molthub = molthubOf(api.url, api.adminKey, home);
  tests += 1;
  owner = `policy-${tests}`;
  repository.write('ws/fleet.yaml', fleet(), pack(['owner', 'other']));
  repository.write('ws/bot.yaml', bot(`kim-${tests}`, 'owner: ada, other: yes'));
  repository.commit('a bot that keeps the rules');
  expect(await synced()).toMatchObject({ status: 0 });
});
afterEach(() => rmSync(home, { recursive: true }));

const synced = () =>
  molthub(['sync', '--once', '--repo', repository.folder, '--path', 'ws', '--owner', owner, '--timeout', '60']);
const fleet = () => `apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: ${owner} }\nspec: { environment: dev }\n`;
const pack = (labels: readonly string[]) =>
  `apiVersion: molthub/v1\nkind: PolicyPack\nmetadata: { name: ${owner} }\nspec:\n  targetTags: { judged: ${owner} }\n` +
  `  rules:\n${labels.map((label) => `    - { id: ${label}, type: required_field, config: { field: metadata.labels.${label} } }\n`).join('')}`;
const bot = (name: string, labels: string) =>
  `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata:\n  name: ${name}\n  fleet: ${owner}\n  labels: { judged: ${owner}, ${labels} }\n` +
  `spec:\n  runtime: { engine: simulated }\n  target: { kind: simulated }\n`;
const waiver = (name: string, rule: string, target: string) =>
  `apiVersion: molthub/v1\nkind: Waiver\nmetadata: { name: ${owner}-${name} }\nspec:\n  pack: ${owner}\n  rule: ${rule}\n  ${target}\n` +
  `  owner: Ada\n  reason: a test\n  expiresAt: ${new Date(Date.now() + 86_400_000).toISOString()}\n`;
const names = async () => {
  const { body } = await api.call('GET', '/api/v1/bot-instances?limit=500');
  return z.array(z.object({ name: z.string(), fleetName: z.string() })).parse(body['items']);
};
const own = async () => (await names()).filter(({ fleetName }) => fleetName === owner).map(({ name }) => name);

test('a bot may be changed together with the waiver for it', async () => {
  repository.write(
    'ws/bot.yaml',
    bot(`kim-${tests}`, 'other: yes'),
    waiver(`kim-${tests}`, 'owner', `bot: ${owner}/kim-${tests}`),
  );
  repository.commit('kim has no owner for a while');
  const { status, stdout } = await synced();
  expect(status, stdout).toBe(0);
  expect(stdout).toContain('applied: kim has no owner for a while (1 to create, 1 to change');
});

test('a bot may come together with a waiver for its fleet, or for its labels', async () => {
  repository.write('ws/lea.yaml', bot(`lea-${tests}`, 'trial: yes'));
  repository.write(
    'ws/waivers.yaml',
    waiver('fleet', 'owner', `fleet: ${owner}`),
    waiver('trial', 'other', 'selector: { trial: yes }'),
  );
  repository.commit('lea');
  const { status, stdout } = await synced();
  expect(status, stdout).toBe(0);
  expect((await own()).toSorted()).toEqual([`kim-${tests}`, `lea-${tests}`]);
});

test('a bot may come together with the change of the pack that refuses it', async () => {
  repository.write('ws/fleet.yaml', fleet(), pack(['other']));
  repository.write('ws/bot.yaml', bot(`kim-${tests}`, 'other: yes'));
  repository.commit('nobody needs an owner');
  const { status, stdout } = await synced();
  expect(status, stdout).toBe(0);
});

test('what no waiver of the commit covers is broken, at its file and line', async () => {
  repository.write(
    'ws/lea.yaml',
    '# Lea\n',
    bot(`lea-${tests}`, 'trial: yes'),
    waiver('lea', 'owner', `fleet: ${owner}`),
  );
  repository.commit('lea keeps one rule too few');
  const { status, stdout } = await synced();
  expect(status).toBe(1);
  expect(stdout).toContain('broken: lea keeps one rule too few (nothing was changed)');
  expect(stdout).toMatch(new RegExp(`ws/lea\\.yaml:8: bot/${owner}/lea-${tests}: metadata\\.labels\\.other: `));
  expect(stdout).not.toContain('labels.owner');
  expect(await own()).toEqual([`kim-${tests}`]);
});

test('a waiver for one bot cannot be made before that bot, and that is told', async () => {
  repository.write(
    'ws/lea.yaml',
    bot(`lea-${tests}`, 'other: yes'),
    waiver('lea', 'owner', `bot: ${owner}/lea-${tests}`),
  );
  repository.commit('lea and her waiver');
  const { status, stdout } = await synced();
  expect(status).toBe(1);
  expect(stdout).toMatch(
    /broken: .*\n.*ws\/lea\.yaml:6: bot\/.*\/lea-\d+: metadata\.labels\.owner: .*made only once the bot is there/,
  );
  expect(await own()).toEqual([`kim-${tests}`]);
});

test('what documents refer to in vain is told at the line that names it', async () => {
  repository.write('ws/lea.yaml', bot(`lea-${tests}`, 'other: yes').replace(`fleet: ${owner}`, 'fleet: nowhere'));
  repository.commit('lost');
  expect((await synced()).stdout).toContain(
    `ws/lea.yaml:5: bot/nowhere/lea-${tests}: metadata.fleet: there is no fleet 'nowhere'`,
  );
  const applied = await molthub(['apply', '-f', join(repository.folder, 'ws/lea.yaml')]);
  expect(applied).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/ws\/lea\.yaml:5: bot\/nowhere\/lea-\d+: /),
  });
});

test('a bot may come together with the profile that makes it keep the rules', async () => {
  repository.write('ws/lea.yaml', bot(`lea-${tests}`, 'other: yes'));
  repository.write(
    'ws/profile.yaml',
    `apiVersion: molthub/v1\nkind: Profile\nmetadata: { name: ${owner} }\n` +
      `spec: { fleets: [${owner}], defaults: { metadata: { labels: { owner: ada } } } }\n`,
  );
  repository.commit('lea, whose owner is that of the fleet');
  const { status, stdout } = await synced();
  expect(status, stdout).toBe(0);
  expect((await own()).toSorted()).toEqual([`kim-${tests}`, `lea-${tests}`]);
});

test('a layer that cannot reach a bot excuses nothing of it', async () => {
  repository.write('ws/lea.yaml', bot(`lea-${tests}`, 'other: yes'));
  repository.write(
    'ws/elsewhere.yaml',
    fleet().replace(owner, `${owner}-elsewhere`),
    `apiVersion: molthub/v1\nkind: Overlay\nmetadata: { name: ${owner} }\n` +
      `spec: { target: { fleet: ${owner}-elsewhere }, patch: { metadata: { labels: { owner: ada } } } }\n`,
  );
  repository.commit('lea has no owner');
  const { status, stdout } = await synced();
  expect(status).toBe(1);
  expect(stdout).toMatch(/broken: lea has no owner .*\n.*ws\/lea\.yaml:\d+: .*metadata\.labels\.owner/);
});
