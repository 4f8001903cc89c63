// Those who listen: every event of a change set, in order and once, over JetStream and over the WebSocket.
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { until } from '@molthub/testing';
import { connect } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { isConverged, makeBot, makeFleet, simulatedManifest, untilBot } from './src/bots.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { Published } from './src/shapes.ts';

let molthub: Molthub;
beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
}, 180_000);
afterAll(() => molthub.remove());

type Heard = { readonly id: string; readonly type: string; readonly subject: string; readonly sequence: number };
const Frame = z.object({
  cursor: z.string(),
  event: z.looseObject({ id: z.string(), type: z.string(), subject: z.string(), sequence: z.coerce.number() }),
});

/** Listens on the WebSocket, connecting again from the last cursor whenever it is cut. */
const listenOnWebSocket = async (types: string) => {
  const heard: Heard[] = [];
  let cursor = '';
  let ended = false;
  let socket: WebSocket | undefined;
  const key = await molthub.key();
  const open = async () => {
    const url = new URL('/api/v1/events/stream', (await molthub.endpoints()).api.replace('http', 'ws'));
    url.searchParams.set('types', types);
    if (cursor) url.searchParams.set('after', cursor);
    socket = new WebSocket(url, { headers: { authorization: `Bearer ${key}` } });
    socket.on('message', (raw) => {
      const frame = Frame.parse(JSON.parse(Buffer.isBuffer(raw) ? raw.toString() : ''));
      cursor = frame.cursor;
      heard.push(frame.event);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!ended) setTimeout(() => void open(), 100);
    });
  };
  await open();
  await until(() => socket?.readyState === WebSocket.OPEN, { what: 'the WebSocket' });
  return {
    heard,
    close: () => {
      ended = true;
      socket?.close();
    },
  };
};

/** Pulls from JetStream as the local operator, dropping what it knows by `ce-id`. */
const listenOnJetStream = async () => {
  const { nats } = await molthub.endpoints();
  const url = new URL(nats);
  const connection = await connect({
    servers: url.host,
    user: decodeURIComponent(url.username),
    pass: decodeURIComponent(url.password),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  const heard = new Map<string, Heard>();
  const consumer = await jetstream(connection, { checkAPI: false }).consumers.get('EVT_ROLLOUT', {
    deliver_policy: DeliverPolicy.All,
  });
  const messages = await consumer.consume({ expires: 5_000, idle_heartbeat: 1_000 });
  const pull = async () => {
    for await (const message of messages) {
      const get = (name: string) => message.headers?.get(name) ?? '';
      const one = {
        id: get('ce-id'),
        type: get('ce-type'),
        subject: get('ce-subject'),
        sequence: Number(get('ce-sequence')),
      };
      if (!heard.has(one.id)) heard.set(one.id, one);
    }
  };
  const pulling = pull();
  return {
    heard: () => [...heard.values()],
    close: async () => {
      messages.stop();
      await pulling;
      await connection.close();
    },
  };
};

const inOrder = (events: readonly Heard[]) => {
  const last = new Map<string, number>();
  for (const event of events) {
    if (event.sequence <= (last.get(event.subject) ?? 0)) return false;
    last.set(event.subject, event.sequence);
  }
  return true;
};

test('both see every event of a change set in order and once, across a restart of everything', async () => {
  const fleet = await makeFleet(molthub, 'watched');
  const bot = await makeBot(molthub, fleet.id, simulatedManifest('anna'));
  await untilBot(molthub, bot.id, 'converged', isConverged);
  const socket = await listenOnWebSocket('rollout.>');
  const stream = await listenOnJetStream();
  const change = async (latencyMs: number) => {
    const manifest = simulatedManifest('anna', { latencyMs });
    const answer = await molthub.call('POST', `/bot-instances/${bot.id}/manifests`, { manifest });
    expect(answer.status).toBe(201);
    const { version, changeSetId } = Published.parse(answer.body);
    await untilBot(molthub, bot.id, `on version ${version}`, (b) => b.manifestVersion === version && isConverged(b));
    return changeSetId ?? '';
  };
  const first = await change(300);
  await molthub.stop();
  await molthub.start();
  const second = await change(400);
  const expected = [
    'rollout.change-set.planned.v1',
    'rollout.plan.recorded.v1',
    'rollout.change-set.started.v1',
    'rollout.wave.started.v1',
    'rollout.change-set.finished.v1',
  ];
  for (const [name, heard] of [
    ['WebSocket', () => socket.heard],
    ['JetStream', stream.heard],
  ] as const) {
    for (const changeSet of [first, second]) {
      await until(
        () =>
          heard().some((e) => e.subject === `change-set-${changeSet}` && e.type === 'rollout.change-set.finished.v1'),
        { what: `the end of ${changeSet} on the ${name}`, timeoutMs: 30_000 },
      );
      const types = heard()
        .filter((e) => e.subject === `change-set-${changeSet}`)
        .map((e) => e.type);
      expect(types, name).toEqual(expected);
      const released = heard()
        .filter((e) => e.subject === `release-${changeSet}-${bot.id}`)
        .map((e) => e.type);
      expect(released, name).toEqual(['rollout.bot.released.v1', 'rollout.bot.settled.v1']);
    }
    expect(new Set(heard().map((e) => e.id)).size, name).toBe(heard().length);
    expect(inOrder(heard()), name).toBe(true);
  }
  socket.close();
  await stream.close();
}, 180_000);
