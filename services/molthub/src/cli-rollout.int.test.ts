// Waves from the command line, against a real gateway and every service behind it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { type Molthub, molthubOf } from './cli-under-test.ts';

const servers = { postgres: withPostgres(), nats: withNats() };
let api: ApiUnderTest;
let molthub: Molthub;
let folder = '';
beforeAll(async () => {
  api = await openApi(servers);
  molthub = molthubOf(api.url, api.adminKey);
  folder = await mkdtemp(join(tmpdir(), 'molthub-rollout-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await api.close();
});

const fleet = (name: string, release: string) =>
  `apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: ${name} }\nspec:\n  environment: dev\n  release: ${release}\n`;
const auto = '{ mode: auto, strategy: { kind: ALL } }';
const canary =
  '{ mode: manual, strategy: { kind: CANARY, canary: { count: 1 }, steps: [50, 100], gates: { health: {} } } }';
const bot = (name: string, fleetName: string, simulation: string) =>
  `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: ${name}, fleet: ${fleetName} }\nspec:\n` +
  `  runtime: { engine: simulated }\n  target: { kind: simulated }\n  config: { simulation: ${simulation} }\n` +
  `  healthCheck: { kind: engine, intervalS: 5, failuresMax: 1 }\n`;
const names = (fleetName: string) => ['a', 'b', 'c', 'd'].map((letter) => `${fleetName}-${letter}`);
const apply = async (text: string) => {
  const told = await molthub(['apply', '-f', '-', '--no-wait'], text);
  expect(told, told.stderr).toMatchObject({ status: 0 });
};
const documents = (fleetName: string, release: string, simulation: string) =>
  [fleet(fleetName, release), ...names(fleetName).map((name) => bot(name, fleetName, simulation))].join('---\n');

/** Four bots that run their first version and are known to be well; their next one is published and released to nobody. */
const makeFleet = async (name: string, next: string): Promise<void> => {
  await apply(documents(name, auto, '{ latencyMs: 1 }'));
  const all = z.array(z.object({ name: z.string(), status: z.string() }));
  const running = async () => {
    const { body } = await api.call('GET', '/api/v1/bot-instances?limit=100');
    const mine = all.parse(body['items']).filter((one) => one.name.startsWith(`${name}-`));
    return mine.length === 4 && mine.every(({ status }) => status === 'RUNNING');
  };
  await until(running, { what: 'four bots to run', timeoutMs: 60_000 });
  await apply(documents(name, canary, next));
};

const Plan = z.object({
  id: z.uuid(),
  status: z.string(),
  planHash: z.string(),
  plan: z.array(z.object({ name: z.string(), wave: z.int() })),
});
const Status = z.object({
  id: z.uuid(),
  status: z.string(),
  waveProgress: z.array(z.object({ wave: z.int(), bots: z.int(), states: z.record(z.string(), z.int()) })),
});
const planned = async (args: readonly string[]) => {
  const told = await molthub(['rollout', 'plan', ...args, '-o', 'json']);
  expect(told, told.stderr).toMatchObject({ status: 0 });
  return Plan.parse(JSON.parse(told.stdout));
};

test("a fleet's document says how it releases, and its plan follows that or what was asked for", async () => {
  await makeFleet('plans', '{ latencyMs: 2 }');
  expect((await molthub(['diff', '-f', '-'], documents('plans', canary, '{ latencyMs: 2 }'))).status).toBe(0);
  const wavesOf = ({ plan }: z.infer<typeof Plan>) => plan.map(({ wave }) => wave).toSorted((a, b) => a - b);
  const own = await planned(['plans']);
  expect(own).toMatchObject({ status: 'PLANNED' });
  expect(wavesOf(own)).toEqual([0, 1, 2, 2]);
  expect((await molthub(['rollout', 'abort', own.id])).status).toBe(0);
  const file = join(folder, 'half.yaml');
  await writeFile(file, 'kind: PERCENTAGE\nsteps: [50, 100]\n');
  const half = await planned(['plans', '--strategy', file, '--supersede']);
  expect(wavesOf(half)).toEqual([0, 0, 1, 1]);
  const text = await molthub([
    'rollout',
    'plan',
    '--bot',
    'plans/plans-a',
    '--bot',
    'plans-b',
    '--canary',
    '1',
    '--supersede',
  ]);
  expect(text).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/2 in 2 waves[^]*sha256:[^]*plans-[ab]/),
    stderr: expect.stringContaining('molthub rollout start'),
  });
  expect(await molthub(['rollout', 'plan'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--bot') });
  expect(await molthub(['rollout', 'plan', 'plans', '--steps', '20'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('the last step must be 100'),
  });
  const listed = await molthub(['rollout', 'list', '--fleet', 'plans', '--status', 'planned']);
  expect(listed).toMatchObject({ status: 0, stdout: expect.stringContaining('PLANNED') });
});

test('what is started from a plan is followed wave by wave, and its success is exit code 0', async () => {
  await makeFleet('goes', '{ latencyMs: 2 }');
  const args = ['rollout', 'plan', 'goes', '--canary', '1', '--steps', '50,100', '--bake', '1s', '--start'];
  const told = await molthub(args);
  expect(told, told.stderr).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/4 in 3 waves[^]*SUCCEEDED[^]*HEALTH PASS/),
    stderr: expect.stringMatching(/wave 1 of 3[^]*wave 1 {2}HEALTH PASS[^]*wave 2 of 3[^]*wave 3 of 3/),
  });
});

test('what goes back is exit code 1; its bot is held until that is lifted, and a pin keeps a bot out of plans', async () => {
  await makeFleet('worse', '{ healthy: false }');
  const back = await molthub(['rollout', 'plan', 'worse', '--canary', '1', '--start', '-o', 'json']);
  expect(back).toMatchObject({ status: 1, stderr: expect.stringContaining('ended as ROLLED_BACK') });
  const { id, waveProgress } = Status.parse(JSON.parse(back.stdout));
  expect(waveProgress[0]).toMatchObject({ wave: 0, bots: 1, states: { RESTORED: 1 } });
  const Held = z.array(z.object({ name: z.string(), changeSetId: z.uuid() }));
  const [held] = Held.parse(JSON.parse((await molthub(['holds', 'list', '-o', 'json'])).stdout));
  expect(held).toMatchObject({ changeSetId: id });
  expect((await molthub(['holds', 'lift', held?.name ?? ''])).status).toBe(0);
  expect((await molthub(['holds', 'list'])).stdout).toBe('no holds\n');

  expect(await molthub(['pins', 'add', 'worse-d'])).toMatchObject({ status: 2 });
  expect((await molthub(['pins', 'add', 'worse-d', '--reason', 'a demo'])).status).toBe(0);
  expect((await molthub(['pins', 'list'])).stdout).toMatch(/worse-d +a demo/);
  const without = await planned(['worse']);
  expect(without.plan.map(({ name }) => name)).not.toContain('worse-d');
  expect((await molthub(['pins', 'remove', 'worse-d'])).status).toBe(0);
  expect((await molthub(['pins', 'list'])).stdout).toBe('no pins\n');
});

test('a change set is steered, and judged by somebody else than its author', async () => {
  await makeFleet('steered', '{ latencyMs: 2 }');
  const { id, status, planHash } = await planned(['steered', '--canary', '1', '--bake', '1h', '--approvals', '1']);
  expect(status).toBe('AWAITING_APPROVAL');
  expect(await molthub(['rollout', 'approve', id])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('Whoever made a plan cannot judge it'),
  });
  const made = await molthub(['keys', 'create', 'berta', '--role', 'OPERATOR']);
  const berta = molthubOf(api.url, made.stdout.trim());
  expect((await berta(['rollout', 'approve', id, '--plan-hash', `sha256:${'0'.repeat(64)}`])).status).toBe(1);
  expect(await berta(['rollout', 'approve', id, '--plan-hash', planHash])).toMatchObject({
    status: 0,
    stdout: 'approve accepted: APPROVED\n',
  });
  expect((await molthub(['rollout', 'start', id])).status).toBe(0);
  const seen = async () => (await molthub(['rollout', 'status', id])).stdout;
  await until(async () => /^1 +1 +1 /m.test(await seen()), { what: 'the canary to move', timeoutMs: 60_000 });
  expect((await molthub(['rollout', 'pause', id, '--reason', 'lunch'])).status).toBe(0);
  expect(await molthub(['rollout', 'status', id, '--watch', '--timeout', '1'])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/PAUSED: lunch; molthub rollout resume/),
  });
  expect((await molthub(['rollout', 'resume', id])).status).toBe(0);
  expect(await molthub(['rollout', 'skip-analysis', id])).toMatchObject({ status: 2 });
  expect(await molthub(['rollout', 'promote', id, '--wave', '2'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('has not started'),
  });
  expect(await molthub(['rollout', 'promote', id, '--wave', '1', '--reason', 'urgent'])).toMatchObject({
    status: 0,
    stdout: 'promote accepted\n',
  });
  await until(async () => /^2 +3 +3 /m.test(await seen()), { what: 'the others to move', timeoutMs: 60_000 });
});
