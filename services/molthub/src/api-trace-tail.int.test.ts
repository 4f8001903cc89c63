// Traces as they change, over the WebSocket.
import { until } from '@molthub/testing';
import { beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { startMolthub } from './cli-under-test.ts';
import { newSpanId, newTraceId, type SendingBot, withTraces } from './traces-under-test.ts';

const traces = withTraces();
let api: ApiUnderTest;
let anna: SendingBot;
let berta: SendingBot;

beforeAll(async () => {
  api = traces.api();
  [anna, berta] = [await traces.bot('anna'), await traces.bot('berta')];
});

const Frame = z.object({ trace: z.object({ traceId: z.string(), spanCount: z.int() }) });

const tail = async (query = '', key = api.adminKey) => {
  const url = `${api.url().replace('http', 'ws')}/api/v1/traces/tail${query}`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${key}` } });
  const frames: z.infer<typeof Frame>['trace'][] = [];
  socket.on('message', (data: Buffer) => frames.push(Frame.parse(JSON.parse(data.toString())).trace));
  const opened = new Promise<number>((resolve, reject) => {
    socket.once('open', () => resolve(101));
    socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    socket.once('error', reject);
  });
  return { socket, frames, status: await opened };
};
const span = (traceId: string, error?: string) => ({
  traceId,
  spanId: newSpanId(),
  startMs: Date.now(),
  ...(error === undefined ? {} : { error }),
});

test('a trace is told when it comes and again when more of it comes, and nothing that was there before', async () => {
  const [before, first, second] = [newTraceId(), newTraceId(), newTraceId()];
  await anna.send([span(before)]);
  const { socket, frames } = await tail();
  // What is sent right after the stream is open may come before its first look at the clock.
  await until(
    async () => {
      await anna.send([span(first)]);
      return frames.some(({ traceId }) => traceId === first);
    },
    { what: 'the first trace' },
  );
  await anna.send([span(second)]);
  await until(() => frames.some(({ traceId }) => traceId === second), { what: 'the second trace' });
  await anna.send([span(second)]);
  await until(() => frames.some(({ traceId, spanCount }) => traceId === second && spanCount === 2), {
    what: 'the second trace again',
  });
  const told = frames.filter(({ traceId }) => traceId === second).map(({ spanCount }) => spanCount);
  expect(told).toEqual([1, 2]);
  expect(frames.map(({ traceId }) => traceId)).not.toContain(before);
  socket.terminate();
});

test('by bot, by status, and for a key of one fleet', async () => {
  const made = await api.call('POST', '/api/v1/api-keys', {
    body: { name: 'berta', role: 'VIEWER', fleetIds: [berta.fleetId] },
  });
  const tails = await Promise.all([
    tail(`?botInstanceId=${berta.botId}`),
    tail(`?fleetId=${berta.fleetId}`),
    tail('?status=ERROR'),
    tail('', z.string().parse(made.body['key'])),
  ]);
  const [good, bad] = [newTraceId(), newTraceId()];
  await until(
    async () => {
      await anna.send([span(good)]);
      await berta.send([span(bad, 'no')]);
      return tails.every(({ frames }) => frames.some(({ traceId }) => traceId === bad));
    },
    { what: 'the trace in error' },
  );
  for (const { frames, socket } of tails) {
    expect(frames.map(({ traceId }) => traceId)).not.toContain(good);
    socket.terminate();
  }
});

test('what the tail does not know, and whoever has no key, is refused', async () => {
  expect((await tail('?nosuch=1')).status).toBe(400);
  expect((await tail('?status=FINE')).status).toBe(400);
  expect((await tail('', 'nothing')).status).toBe(401);
  expect((await api.call('GET', '/api/v1/traces/tail')).status).toBe(426);
});

test('the command line follows, a trace a line', async () => {
  const child = startMolthub(api.url(), api.adminKey, ['trace', 'tail', '--bot', 'anna', '-o', 'json']);
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const traceId = newTraceId();
  await until(
    async () => {
      await anna.send([span(traceId)]);
      return told.includes('\n');
    },
    { what: 'a line', timeoutMs: 20_000 },
  );
  expect(JSON.parse(told.slice(0, told.indexOf('\n')))).toMatchObject({ traceId, botInstanceId: anna.botId });
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
