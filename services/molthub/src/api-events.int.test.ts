import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApi(
    { postgres, nats },
    { names: ['config', 'gateway'], door: { socketPatienceMs: 300, socketBufferBytesMax: 4_096 } },
  );
});
afterAll(() => api.close());

const Frame = z.object({
  cursor: z.string(),
  event: z.object({ id: z.uuid(), type: z.string(), data: z.unknown() }).loose(),
});
type Frame = z.infer<typeof Frame>;
const Page = z.object({ items: z.array(Frame), nextCursor: z.string(), more: z.boolean() });

const createFleets = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) {
    const name = `fleet-${randomUUID().slice(0, 8)}`;
    expect((await api.call('POST', '/api/v1/fleets', { body: { name, environment: 'dev' } })).status).toBe(201);
  }
};

type Stream = {
  readonly socket: WebSocket;
  readonly frames: Frame[];
  readonly closed: Promise<{ code: number; reason: string }>;
};

const streamUrl = (query: string) => `${api.url().replace('http', 'ws')}/api/v1/events/stream${query}`;
const connect = (query: string, options: { key?: string | null; headers?: Record<string, string> } = {}): Stream => {
  const { key = api.adminKey, headers = {} } = options;
  const socket = new WebSocket(streamUrl(query), {
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
  const frames: Frame[] = [];
  socket.on('message', (data: Buffer) => frames.push(Frame.parse(JSON.parse(data.toString()))));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  socket.on('error', () => undefined);
  return { socket, frames, closed };
};

/** The status that an upgrade is refused with, or 101. */
const upgradeStatus = async (
  query: string,
  options: { key?: string | null; headers?: Record<string, string> } = {},
): Promise<number> => {
  const { socket } = connect(query, options);
  const status = await Promise.race([
    once(socket, 'open').then(() => 101),
    once(socket, 'unexpected-response').then(
      ([, response]) => z.object({ statusCode: z.int() }).parse({ statusCode: response.statusCode }).statusCode,
    ),
  ]);
  socket.terminate();
  return status;
};

const history = async (query: string): Promise<readonly Frame[]> => {
  const all: Frame[] = [];
  for (let after = '0'; ; ) {
    const page = Page.parse((await api.call('GET', `/api/v1/events?limit=100&after=${after}${query}`)).body);
    all.push(...page.items);
    after = page.nextCursor;
    if (!page.more) return all;
  }
};

describe('events', () => {
  test('are read from a cursor, filtered by type, each once and in order', async () => {
    await createFleets(5);
    const created = await until(
      async () => {
        const found = await history('&types=config.fleet.>');
        return found.length >= 5 ? found : undefined;
      },
      { what: 'the events' },
    );
    expect(created.every(({ event }) => event.type.startsWith('config.fleet.'))).toBe(true);
    const cursors = created.map(({ cursor }) => BigInt(cursor));
    expect(cursors).toEqual([...cursors].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(created.map(({ event }) => event.id)).size).toBe(created.length);
    expect(created[0]?.event).toMatchObject({
      specversion: '1.0',
      source: 'molthub/config',
      workspace: 'default',
      datacontenttype: 'application/json',
    });
    expect(await history('&types=nosuch.>')).toEqual([]);
  });

  test('that are no longer kept are 410, never skipped in silence', async () => {
    const { write } = api.service('gateway').runtime;
    await write((sql) => sql('update feed_cut set seq = 1'));
    const answer = await api.call('GET', '/api/v1/events?after=0');
    await write((sql) => sql('update feed_cut set seq = 0'));
    expect(answer).toMatchObject({ status: 410, body: { code: 'gateway.cursor-expired' } });
  });

  test.each(['a..b', '(a+)+$', 'x'.repeat(3_000)])('the filter %j is 400', async (types) => {
    expect((await api.call('GET', `/api/v1/events?types=${encodeURIComponent(types)}`)).status).toBe(400);
  });
});

describe('the stream', () => {
  test('tells what happens, and goes on from a cursor with nothing lost or doubled, also over a restart of the gateway', async () => {
    const before = (await history('')).at(-1)?.cursor ?? '0';
    const first = connect(`?types=config.>&after=${before}`);
    await createFleets(3);
    await until(() => first.frames.length >= 3, { what: 'three frames' });
    const cursor = first.frames.at(-1)?.cursor ?? '';
    await api.restartGateway();
    expect(await first.closed).toMatchObject({ code: 1001 });
    await createFleets(3);
    const second = connect(`?types=config.>&after=${cursor}`);
    await createFleets(2);
    await until(() => second.frames.length >= 5, { what: 'five more frames' });
    const seen = [...first.frames, ...second.frames].map(({ event }) => event.id);
    const expected = (await history('&types=config.>')).filter((frame) => BigInt(frame.cursor) > BigInt(before));
    expect(seen).toEqual(expected.map(({ event }) => event.id));
    second.socket.terminate();
  });

  test('without a cursor starts with what comes', async () => {
    const stream = connect('');
    await once(stream.socket, 'open');
    await until(
      async () => {
        await createFleets(1);
        return stream.frames.length > 0;
      },
      { what: 'a frame' },
    );
    const head = (await history('')).length;
    expect(stream.frames.length).toBeLessThan(head);
    stream.socket.terminate();
  });

  test('sec-036: a client that does not take what it asked for is told and cut', async () => {
    const bulk = 'x'.repeat(60_000);
    const { write } = api.service('gateway').runtime;
    await write((sql) =>
      sql(
        `insert into feed (workspace, event_id, type, stream, at, event)
         select 'default', gen_random_uuid(), 'config.bulk.made.v1', 'bulk', now(),
           json_build_object('id', gen_random_uuid(), 'type', 'config.bulk.made.v1', 'data', $1::text)
         from generate_series(1, 400)`,
        [bulk],
      ),
    );
    const stream = connect('?types=config.bulk.>&after=0');
    await once(stream.socket, 'open');
    stream.socket.pause();
    await until(async () => /^molthub_streams 0$/m.test((await api.call('GET', '/metrics')).text), { what: 'the cut' });
    stream.socket.resume();
    const { code } = await stream.closed;
    // Told where the goodbye still got through, and cut either way.
    expect([1013, 1006]).toContain(code);
    expect(stream.frames.length).toBeLessThan(400);
  });

  test('takes no messages, and none above 64 KB', async () => {
    const chatty = connect('');
    await once(chatty.socket, 'open');
    chatty.socket.send('{"role":"OWNER"}');
    expect(await chatty.closed).toMatchObject({ code: 1008 });
    const loud = connect('');
    await once(loud.socket, 'open');
    loud.socket.send('x'.repeat(100_000));
    expect([1008, 1009]).toContain((await loud.closed).code);
  });

  test('ends within a second when its key is revoked', async () => {
    const made = await api.call('POST', '/api/v1/api-keys', { body: { name: 'watcher', role: 'VIEWER' } });
    const stream = connect('', { key: z.string().parse(made.body['key']) });
    await once(stream.socket, 'open');
    await api.call('DELETE', `/api/v1/api-keys/${z.string().parse(made.body['id'])}`);
    const revokedAt = Date.now();
    expect(await stream.closed).toMatchObject({ code: 1008 });
    expect(Date.now() - revokedAt).toBeLessThan(1_500);
  });

  test('is no stream over plain HTTP: 426; a wrong filter or cursor is 400 before the upgrade', async () => {
    expect((await api.call('GET', '/api/v1/events/stream')).status).toBe(426);
    expect(await upgradeStatus('?types=a..b')).toBe(400);
    expect(await upgradeStatus('?after=x')).toBe(400);
    expect(await upgradeStatus('?nosuch=1')).toBe(400);
  });
});

describe('sec-034: a browser', () => {
  const origin = () => api.url();
  const ticket = async (headers: Record<string, string> = { origin: origin() }) => {
    const made = await api.call('POST', '/api/v1/events/tickets', { headers });
    expect(made.status).toBe(201);
    return z.string().parse(made.body['ticket']);
  };

  test('opens the stream with a ticket, once, from its own origin', async () => {
    const mine = await ticket();
    expect(await upgradeStatus(`?ticket=${mine}`, { key: null, headers: { origin: origin() } })).toBe(101);
    expect(await upgradeStatus(`?ticket=${mine}`, { key: null, headers: { origin: origin() } })).toBe(401);
    const elsewhere = await ticket();
    expect(await upgradeStatus(`?ticket=${elsewhere}`, { key: null })).toBe(401);
    expect(await upgradeStatus(`?ticket=${elsewhere}`, { key: null, headers: { origin: origin() } })).toBe(401);
  });

  test('of a foreign page is 403, whatever it brings along', async () => {
    for (const foreign of [
      'https://evil.example',
      'null',
      `${origin()}.evil.example`,
      origin().replace('http:', 'https:'),
    ]) {
      expect(await upgradeStatus('', { headers: { origin: foreign } }), foreign).toBe(403);
      expect(
        await upgradeStatus(`?ticket=${await ticket()}`, { key: null, headers: { origin: foreign } }),
        foreign,
      ).toBe(403);
    }
  });

  test('with nothing but a cookie is 401; a ticket that is too old is 401', async () => {
    expect(await upgradeStatus('', { key: null, headers: { cookie: 'session=x', origin: origin() } })).toBe(401);
    const old = await ticket();
    await api
      .service('gateway')
      .runtime.write((sql) => sql(`update tickets set expires_at = now() - interval '1 second'`));
    expect(await upgradeStatus(`?ticket=${old}`, { key: null, headers: { origin: origin() } })).toBe(401);
  });
});
