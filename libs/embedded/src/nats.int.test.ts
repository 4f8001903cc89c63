import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { connect, PermissionViolationError } from 'nats';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedNats } from './nats.ts';
import { startNats } from './nats.ts';
import { findNatsServer } from './nats-server-binary.ts';

const env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
const connections: NatsConnection[] = [];
let root = '';
let server: EmbeddedNats;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), `molthub-test-${process.pid}-`));
  const cacheDir = join(import.meta.dirname, '../../../node_modules/.cache/molthub');
  const { path } = await findNatsServer({ cacheDir, env, log: () => {} });
  server = await startNats({
    dataDir: join(root, 'nats'),
    binary: path,
    users: [
      { name: 'full', password: '$1 "quoted"' },
      { name: 'limited', password: 'b', permissions: { publish: ['evt.*.rollout.>'], subscribe: ['cmd.>'] } },
      { name: 'nothing', password: 'c', permissions: { publish: [], subscribe: [] } },
    ],
    log: () => {},
    env,
  });
});
afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close();
});
afterAll(async () => {
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

async function as(user: string, pass: string): Promise<NatsConnection> {
  const connection = await connect({
    servers: server.url,
    user,
    pass,
    reconnectTimeWait: 50,
    maxReconnectAttempts: -1,
  });
  connections.push(connection);
  return connection;
}

test('it listens on loopback only', async () => {
  const outside = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (const { address, internal, family } of outside) {
    if (internal || family !== 'IPv4') continue;
    await expect(once(dial({ host: address, port: server.port }), 'connect')).rejects.toThrow('ECONNREFUSED');
  }
  const info = (await as('full', '$1 "quoted"')).info;
  expect(info).toMatchObject({ host: '127.0.0.1', jetstream: true, max_payload: 1_048_576, auth_required: true });
});

test('without a known name and its password nobody gets in', async () => {
  const refused = { servers: server.url, maxReconnectAttempts: 0 };
  await expect(connect(refused)).rejects.toThrow(/authorization/i);
  await expect(connect({ ...refused, user: 'full', pass: 'b' })).rejects.toThrow(/authorization/i);
  await expect(connect({ ...refused, user: 'sys', pass: 'sys' })).rejects.toThrow(/authorization/i);
});

test('a user can publish what is listed, and the server refuses the rest', async () => {
  const listener = (await as('full', '$1 "quoted"')).subscribe('>');
  const limited = await as('limited', 'b');
  limited.publish('evt.default.config.bot.created.v1');
  expect(await violationOf(limited)).toMatchObject({
    operation: 'publish',
    subject: 'evt.default.config.bot.created.v1',
  });
  limited.publish('evt.default.rollout.wave.started.v1');
  for await (const message of listener) {
    expect(message.subject).toBe('evt.default.rollout.wave.started.v1');
    break;
  }
});

test('a user can subscribe to what is listed, also in a queue group, and the server refuses the rest', async () => {
  const limited = await as('limited', 'b');
  await expect(firstOf(limited, '>')).rejects.toThrow(PermissionViolationError);
  await expect(firstOf(limited, 'evt.>', 'workers')).rejects.toThrow(PermissionViolationError);
  const allowed = limited.subscribe('cmd.default.>', { max: 1 });
  await limited.flush();
  (await as('full', '$1 "quoted"')).publish('cmd.default.rollout.change-set.start.v1');
  for await (const message of allowed) expect(message.subject).toBe('cmd.default.rollout.change-set.start.v1');
});

test('an empty list allows nothing', async () => {
  const nothing = await as('nothing', 'c');
  await expect(firstOf(nothing, 'anything')).rejects.toThrow(PermissionViolationError);
  nothing.publish('anything');
  expect(await violationOf(nothing)).toMatchObject({ operation: 'publish', subject: 'anything' });
});

test('killed, it comes back on the same port and clients reconnect', async () => {
  const connection = await as('full', '$1 "quoted"');
  const killed = server.pid;
  await server.kill();
  await vi.waitFor(() => expect(server.restarts).toBe(1), 10_000);
  expect(server.pid).not.toBe(killed);
  await vi.waitFor(() => connection.flush(), 10_000);
});

async function violationOf(connection: NatsConnection): Promise<PermissionViolationError> {
  for await (const status of connection.status()) {
    if (status.type === 'error' && status.error instanceof PermissionViolationError) return status.error;
  }
  throw new Error('The connection ended without a violation');
}

async function firstOf(connection: NatsConnection, subject: string, queue?: string): Promise<string> {
  const subscription = connection.subscribe(subject, queue === undefined ? {} : { queue });
  for await (const message of subscription) return message.subject;
  throw new Error('The subscription ended without a message');
}

test('without any user it does not start', async () => {
  const open = startNats({ dataDir: join(root, 'open'), binary: '/bin/true', users: [], log: () => {}, env });
  await expect(open).rejects.toThrow('needs at least one user');
});
