import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { applyConfig } from './apply-config.ts';
import { connectGateway, type GatewayClient } from './gateway-client.ts';
import { GatewayError } from './gateway-error.ts';
import { withOwned } from './owned-config.ts';
import { probe } from './probe.ts';
import {
  mergePatched,
  type Simulation,
  type SimulatedGateway,
  sample,
  startSimulatedGateway,
} from './simulated-gateway.ts';

const owned = { port: 18_789, token: 'test-token', logFile: '/bots/1/bot.log', workspace: '/bots/1/state/workspace' };
const before = { logging: { level: 'info' }, tools: { deny: ['a', 'b'] } };
let gateway: SimulatedGateway | undefined;
let client: GatewayClient | undefined;
afterEach(async () => {
  client?.close();
  await gateway?.stop();
});

async function running(simulation: Partial<Simulation> = {}) {
  gateway = await startSimulatedGateway({
    token: owned.token,
    config: { ...withOwned(before, owned), meta: { x: 1 } },
    ...simulation,
  });
  client = await connectGateway({ url: gateway.url, token: owned.token, timeoutMs: 5_000 });
  return { gateway, client };
}
const patches = (of: SimulatedGateway) =>
  of.requests.filter(({ method }) => method === 'config.patch').map(({ params }) => params);

test('a bot that is as desired is left alone', async () => {
  const { gateway, client } = await running();
  expect(await applyConfig(client, { desired: before, owned })).toMatchObject({ outcome: 'noop', paths: [] });
  expect(patches(gateway)).toEqual([]);
});

test('only what differs is sent, with the hash it was compared against, removals as null', async () => {
  const { gateway, client } = await running();
  const desired = { logging: { level: 'debug' } };
  expect(await applyConfig(client, { desired, owned })).toMatchObject({
    outcome: 'hot',
    paths: ['logging.level', 'tools.deny'],
  });
  expect(patches(gateway)).toEqual([
    { raw: '{"tools":null,"logging":{"level":"debug"}}', baseHash: 'hash-1', replacePaths: ['tools.deny'] },
  ]);
  expect(gateway.config()).toEqual({ ...withOwned(desired, owned), meta: { x: 1 } });
});

test('a bot of protocol 3 is not told of replacePaths, which it does not know', async () => {
  const { gateway, client } = await running({ protocol: 3 });
  await applyConfig(client, { desired: { logging: { level: 'info' } }, owned });
  expect(patches(gateway)[0]).not.toHaveProperty('replacePaths');
});

test('an edit between compare and patch is compared again, once', async () => {
  let edits = 0;
  const { gateway, client } = await running({
    answer: (method) => {
      if (method === 'config.patch' && (edits += 1) === 1) edit();
      return 'usual';
    },
  });
  const edit = () => gateway.setConfig({ ...gateway.config(), cron: { enabled: false } });
  expect(await applyConfig(client, { desired: before, owned })).toMatchObject({ outcome: 'noop' });
  gateway.setConfig({ ...gateway.config(), extra: 1 });
  expect(await applyConfig(client, { desired: before, owned })).toMatchObject({
    outcome: 'hot',
    paths: ['extra', 'cron.enabled'],
  });
  expect(gateway.config()).toEqual({ ...withOwned(before, owned), meta: { x: 1 } });
});

for (const protocol of [3, 4] as const) {
  test(`a restart of a protocol-${protocol} bot is waited for and its config compared`, async () => {
    const { client } = await running({ protocol, restartKey: 'logging' });
    const applied = await applyConfig(client, { desired: { ...before, logging: { level: 'debug' } }, owned });
    expect(applied).toMatchObject({ outcome: 'restarted' });
    expect(applied.steps.map(({ step }) => step)).toEqual(['compare', 'patch', 'await-restart', 'verify']);
    expect(applied.steps.at(-1)?.detail).toBe('as desired');
  });
}

test('a bot that comes back with another config has an unknown outcome', async () => {
  const { gateway, client } = await running({
    protocol: 3,
    answer: (method, _params, socket) => {
      if (method !== 'config.patch') return 'usual';
      socket.close(1012);
      return undefined;
    },
  });
  const applied = await applyConfig(client, { desired: {}, owned, restartTimeoutMs: 1_000 });
  expect(applied).toMatchObject({ outcome: 'unknown' });
  expect(patches(gateway)).toHaveLength(1);
});

test('without leave to restart nothing is written where the bot asks for one, or does not say', async () => {
  const { gateway, client } = await running();
  const request = {
    desired: { ...before, logging: { level: 'debug' } },
    owned: { ...owned, port: 1 },
    mayRestart: false,
  };
  expect(await applyConfig(client, request)).toMatchObject({ outcome: 'restart-needed', paths: ['gateway.port'] });
  const unknown = { desired: { ...before, odd: 1 }, owned, mayRestart: false };
  expect(await applyConfig(client, unknown)).toMatchObject({ outcome: 'restart-needed', paths: ['odd'] });
  expect(patches(gateway)).toEqual([]);
  const hot = { desired: { ...before, logging: { level: 'debug' } }, owned, mayRestart: false };
  expect(await applyConfig(client, hot)).toMatchObject({ outcome: 'hot' });
});

test('a rate limit says when to come back', async () => {
  const error = {
    code: 'UNAVAILABLE',
    message: 'rate limit exceeded for config.patch',
    retryable: true,
    retryAfterMs: 45_000,
  };
  const { client } = await running({
    answer: (method) => (method === 'config.patch' ? { ok: false, error } : 'usual'),
  });
  expect(await applyConfig(client, { desired: {}, owned })).toMatchObject({
    outcome: 'rate-limited',
    retryAfterMs: 45_000,
  });
});

test('a broken file is said to be broken, since the gateway would take no patch', async () => {
  const captured = sample('config.get')['payload'];
  const payload = { ...(typeof captured === 'object' ? captured : {}), valid: false, hash: 'h' };
  const { client } = await running({ answer: (method) => (method === 'config.get' ? { ok: true, payload } : 'usual') });
  expect(await applyConfig(client, { desired: {}, owned })).toMatchObject({ outcome: 'file-broken' });
});

/** What 2026.9.6 answers when it wrote the patch, but its own reload of the file came in between. */
const written = (how: string) => ({
  code: 'UNAVAILABLE',
  message: `config.patch persisted ${how}`,
});
const notApplied = (why: string) =>
  written(`but was not applied to the active Gateway (${why}); run config.get, then use config.apply`);

test('a patch that was overtaken by the bot reading its file anew is taken over with that', async () => {
  const { gateway, client } = await running({
    answer: (method, params) => {
      if (method !== 'config.patch') return 'usual';
      gatewayTakes(params);
      return { ok: false, error: notApplied('superseded') };
    },
  });
  const gatewayTakes = (params: object) =>
    gateway.setConfig(mergePatched(gateway.config(), JSON.parse(z.object({ raw: z.string() }).parse(params).raw)));
  expect(await applyConfig(client, { desired: {}, owned })).toMatchObject({ outcome: 'hot' });
  expect(patches(gateway)).toHaveLength(1);
});

test('a patch that is overtaken again and again, or that the bot could not take over, needs a restart', async () => {
  const { gateway, client } = await running({
    answer: (method) => (method === 'config.patch' ? { ok: false, error: notApplied('superseded') } : 'usual'),
  });
  expect(await applyConfig(client, { desired: {}, owned })).toMatchObject({ outcome: 'not-applied' });
  expect(patches(gateway)).toHaveLength(3);
  await gateway.stop();
  const failing = await running({
    answer: (method) => (method === 'config.patch' ? { ok: false, error: notApplied('failed') } : 'usual'),
  });
  expect(await applyConfig(failing.client, { desired: {}, owned })).toMatchObject({ outcome: 'not-applied' });
  expect(patches(failing.gateway)).toHaveLength(1);
});

test('a patch after which the bot restarts is waited for, whatever it is answered', async () => {
  const { gateway, client } = await running({
    answer: (method, params, socket) => {
      if (method !== 'config.patch') return 'usual';
      gatewayTakes(params);
      setImmediate(() => socket.close(1012));
      return { ok: false, error: written('and was accepted for restart; wait for the Gateway to restart, then …') };
    },
  });
  const gatewayTakes = (params: object) =>
    gateway.setConfig(mergePatched(gateway.config(), JSON.parse(z.object({ raw: z.string() }).parse(params).raw)));
  expect(await applyConfig(client, { desired: {}, owned })).toMatchObject({ outcome: 'restarted' });
});

for (const message of [
  'config changed since last load; re-run config.get and retry',
  'gateway: Unrecognized key; fix (openclaw doctor) before patching',
]) {
  test(`"${message}" says nothing of the configuration that was sent`, async () => {
    const error = { code: 'INVALID_REQUEST', message };
    const { gateway, client } = await running({
      answer: (method) => (method === 'config.patch' ? { ok: false, error } : 'usual'),
    });
    expect(await applyConfig(client, { desired: {}, owned })).toMatchObject({ outcome: 'busy' });
    expect(patches(gateway)).toHaveLength(3);
  });
}

test('a config that the bot refuses is refused, with its issues', async () => {
  const details = { issues: [{ path: 'gateway', message: 'Unrecognized key: "nonsense"' }] };
  const error = { code: 'INVALID_REQUEST', message: 'invalid config', details };
  const { client } = await running({
    answer: (method) => (method === 'config.patch' ? { ok: false, error } : 'usual'),
  });
  const refused = applyConfig(client, { desired: {}, owned });
  await expect(refused).rejects.toThrow(GatewayError);
  await expect(refused).rejects.toMatchObject({ failure: 'refused', details });
});

test('a bot that answers is healthy, and says how fast', async () => {
  const { gateway } = await running();
  const reading = await probe({ url: gateway.url, token: owned.token, timeoutMs: 5_000 });
  expect(reading).toMatchObject({ status: 'HEALTHY', detail: 'it answers', protocol: 4, version: '2026.9.6' });
  expect(reading.latencyMs).toBeGreaterThan(0);
});

const readings: readonly [string, object, string, string][] = [
  ['ok: false', { ok: false }, 'DEGRADED', 'it answers, but it says that it is not ok'],
  [
    'a plugin that was asked for and failed',
    { ok: true, plugins: { errors: [{ id: 'x' }] } },
    'DEGRADED',
    '1 plugins failed',
  ],
  [
    'default plugins that failed',
    { ok: true, plugins: { errors: [{ activationSource: 'default' }] } },
    'HEALTHY',
    'without 1',
  ],
  [
    'a loop that is a little late',
    { ok: true, eventLoop: { degraded: true, delayP99Ms: 300 } },
    'HEALTHY',
    'it answers',
  ],
  [
    'a loop that is seconds late',
    { ok: true, eventLoop: { degraded: true, delayP99Ms: 3_000 } },
    'DEGRADED',
    '3000 ms late',
  ],
  ['an answer of another shape', { fine: 'yes' }, 'UNHEALTHY', 'unknown shape'],
];
for (const [name, payload, status, detail] of readings) {
  test(`a bot that reports ${name} is ${status}`, async () => {
    const { gateway } = await running({ answer: (method) => (method === 'health' ? { ok: true, payload } : 'usual') });
    const reading = await probe({ url: gateway.url, token: owned.token, timeoutMs: 5_000 });
    expect(reading).toMatchObject({ status, detail: expect.stringContaining(detail) });
  });
}

test('a hung bot is unhealthy within the time given, one with another token too, a starting one degraded', async () => {
  const hung = await running({ answer: (method) => (method === 'health' ? undefined : 'usual') });
  const at = { url: hung.gateway.url, token: owned.token };
  const reading = await probe({ ...at, timeoutMs: 200 });
  expect(reading).toMatchObject({ status: 'UNHEALTHY' });
  expect(reading.latencyMs).toBeLessThan(2_000);
  expect(await probe({ ...at, token: 'other', timeoutMs: 2_000 })).toMatchObject({
    detail: expect.stringContaining('AUTH_TOKEN_MISMATCH'),
  });
  hung.client.close();
  await hung.gateway.stop();
  gateway = await startSimulatedGateway({ token: owned.token, startingHandshakes: 1_000 });
  expect(await probe({ url: gateway.url, token: owned.token, timeoutMs: 300 })).toMatchObject({ status: 'DEGRADED' });
});
