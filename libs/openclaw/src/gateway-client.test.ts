import { afterEach, expect, test } from 'vitest';
import { connectGateway, type GatewayClient, type GatewayOptions } from './gateway-client.ts';
import { GatewayError } from './gateway-error.ts';
import { getConfig, health, reloadKind, status } from './gateway-verbs.ts';
import { sendEvent, type Simulation, startSimulatedGateway } from './simulated-gateway.ts';

const TOKEN = 'test-token';
const open: { stop: () => Promise<void> }[] = [];
const clients: GatewayClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const gateway of open.splice(0)) await gateway.stop();
});

async function simulated(simulation: Partial<Simulation> = {}) {
  const gateway = await startSimulatedGateway({ token: TOKEN, ...simulation });
  open.push(gateway);
  return gateway;
}

async function connect(url: string, options: Partial<GatewayOptions> = {}) {
  const client = await connectGateway({ url, token: TOKEN, timeoutMs: 5_000, ...options });
  clients.push(client);
  return client;
}

const failureOf = async (work: Promise<unknown>) => {
  const error: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  return error instanceof GatewayError ? error : undefined;
};

test('the captured handshake of 2026.9.6 is understood', async () => {
  const { url } = await simulated();
  const client = await connect(url);
  expect(client.hello).toMatchObject({ protocol: 4, server: { version: '2026.9.6' } });
  expect(client.hello.features.methods).toContain('config.patch');
});

test('a client offers protocol 3 and 4, as the program it is', async () => {
  const gateway = await simulated({ protocol: 3 });
  expect((await connect(gateway.url)).hello.protocol).toBe(3);
  expect(gateway.requests[0]?.params).toMatchObject({
    minProtocol: 3,
    maxProtocol: 4,
    client: { id: 'gateway-client', mode: 'backend' },
    role: 'operator',
  });
});

test('the captured answers of config.get, health and status are understood', async () => {
  const { url } = await simulated({ config: { logging: { level: 'info' } } });
  const client = await connect(url);
  expect(await getConfig(client)).toMatchObject({
    valid: true,
    parsed: { logging: { level: 'info' } },
    hash: 'hash-1',
    issues: [],
  });
  expect(await health(client)).toMatchObject({ ok: true, plugins: { errors: [] }, eventLoop: { degraded: false } });
  expect(await status(client)).toMatchObject({ runtimeVersion: '2026.9.6', pid: 9569, degradedSecretOwners: [] });
});

test('a bot is asked what a change costs; an unknown path and an old protocol say nothing', async () => {
  const { url } = await simulated();
  const client = await connect(url);
  expect(await reloadKind(client, 'logging.level')).toBe('none');
  expect(await reloadKind(client, 'gateway.port')).toBe('restart');
  expect(await reloadKind(client, 'no.such.path')).toBeUndefined();
  const old = await simulated({ protocol: 3 });
  expect(await reloadKind(await connect(old.url), 'gateway.port')).toBeUndefined();
});

test('a gateway that is still starting is waited for', async () => {
  const { url } = await simulated({ startingHandshakes: 2 });
  expect((await connect(url)).hello.protocol).toBe(4);
});

test('a gateway that never finishes starting is given up at the deadline', async () => {
  const { url } = await simulated({ startingHandshakes: 1_000 });
  expect(await failureOf(connect(url, { timeoutMs: 300 }))).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
});

test('a wrong token is refused with its own code', async () => {
  const { url } = await simulated();
  expect(await failureOf(connect(url, { token: 'other' }))).toMatchObject({
    failure: 'refused',
    code: 'AUTH_TOKEN_MISMATCH',
  });
});

test('a closed port is unreachable, a silent one times out', async () => {
  const gateway = await simulated({ onConnection: () => undefined });
  expect(await failureOf(connect(gateway.url, { timeoutMs: 200 }))).toMatchObject({ failure: 'timeout' });
  await gateway.stop();
  expect(await failureOf(connect(gateway.url))).toMatchObject({ failure: 'unreachable' });
});

test('a request that gets no answer times out; one whose connection ends has an unknown outcome', async () => {
  const silent = await simulated({ answer: (method) => (method === 'status' ? undefined : 'usual') });
  const waiting = await connect(silent.url);
  expect(await failureOf(waiting.request('status', {}, 100))).toMatchObject({ failure: 'timeout' });
  const ending = await simulated({
    answer: (method, _params, socket) => {
      if (method !== 'status') return 'usual';
      socket.close(1012, 'service restart');
      return undefined;
    },
  });
  const closing = await connect(ending.url);
  expect(await failureOf(closing.request('status', {}, 5_000))).toMatchObject({
    failure: 'outcome-unknown',
    code: 'CLOSED_1012',
  });
  expect(await closing.closed).toEqual({ code: 1012, reason: 'service restart' });
  expect(await failureOf(closing.request('status', {}, 5_000))).toMatchObject({ failure: 'unreachable' });
});

test('an UNAVAILABLE answer is asked again, a rate limit is told to the caller', async () => {
  let asked = 0;
  const unavailable = (retryAfterMs: number) => ({
    ok: false,
    error: { code: 'UNAVAILABLE', message: 'later', retryable: true, retryAfterMs },
  });
  const { url } = await simulated({
    answer: (method) => {
      if (method === 'health') return (asked += 1) < 3 ? unavailable(50) : 'usual';
      return method === 'status' ? unavailable(45_000) : 'usual';
    },
  });
  const client = await connect(url);
  expect((await health(client)).ok).toBe(true);
  expect(asked).toBe(3);
  expect(await failureOf(status(client, 60_000))).toMatchObject({ retryAfterMs: 45_000 });
});

test('events reach their listener', async () => {
  const events: string[] = [];
  const seen = Promise.withResolvers<void>();
  const gateway = await simulated();
  await connect(gateway.url, {
    onEvent: ({ event }) => {
      events.push(event);
      if (event === 'config.changed') seen.resolve();
    },
  });
  for (const socket of gateway.sockets()) sendEvent(socket, 'config.changed', { hash: 'h' });
  await seen.promise;
  expect(events).toEqual(['connect.challenge', 'config.changed']);
});

const hostile: Readonly<Record<string, string>> = {
  'no JSON': 'nonsense',
  'an answer of another shape': '{"type":"res","id":7}',
  'a huge unasked frame': `{"type":"event","event":"x","payload":"${'x'.repeat(300_000)}"}`,
  'a frame above the limit': 'x'.repeat(5 * 1_048_576),
};
for (const [name, text] of Object.entries(hostile)) {
  test(`a bot that sends ${name} is cut off`, async () => {
    const { url } = await simulated({ onConnection: (socket) => socket.send(text) });
    expect(await failureOf(connect(url))).toMatchObject({ failure: 'protocol' });
  });
}

test('an answer with more values than any real one is not even parsed', async () => {
  const payload = { list: Array.from({ length: 100_001 }, () => 1) };
  const { url } = await simulated({ answer: (method) => (method === 'health' ? { ok: true, payload } : 'usual') });
  const client = await connect(url);
  expect(await failureOf(health(client))).toMatchObject({
    failure: 'protocol',
    message: expect.stringContaining('more values'),
  });
});

test('a frame of a kind not known yet is passed over', async () => {
  const gateway = await simulated();
  const client = await connect(gateway.url);
  for (const socket of gateway.sockets()) socket.send('{"type":"later-kind","x":1}');
  expect((await health(client)).ok).toBe(true);
});

test('a flood of frames ends the connection', async () => {
  const { url } = await simulated({
    onConnection: (socket) => {
      for (let i = 0; i < 20_000; i += 1) sendEvent(socket, 'tick', { i });
    },
  });
  expect(await failureOf(connect(url))).toMatchObject({ failure: 'protocol' });
});

test('the words of a bot are one plain line of bounded length', async () => {
  const { url } = await simulated({
    answer: (method) =>
      method === 'health'
        ? { ok: false, error: { code: 'X', message: 'a\u001b[31m\r\nb\u2028c'.padEnd(5_000, '!') } }
        : 'usual',
  });
  const failure = await failureOf(health(await connect(url)));
  expect(failure?.message).toMatch(/^a \[31m b c!+$/);
  expect(failure?.message.length).toBeLessThanOrEqual(500);
});
