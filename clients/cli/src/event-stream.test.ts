import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { CliError } from './cli-error.ts';
import { type Frame, listen } from './event-stream.ts';

const open: { readonly close: () => void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/**
 * A server on this machine with a stream and a feed, and the address that reaches it. The feed has no event of the
 * type that is asked for, and says so in two pages: it stands at `head`.
 */
const serving = async (onConnection: (socket: WebSocket, request: IncomingMessage, nth: number) => void, head = 7) => {
  const http = createServer((request, response) => {
    const after = new URL(request.url ?? '', 'http://x').searchParams.get('after');
    const page = after === null ? { nextCursor: '1', more: true } : { nextCursor: String(head), more: false };
    response.end(JSON.stringify({ items: [], ...page }));
  });
  const server = new WebSocketServer({ server: http });
  open.push(server, http);
  let count = 0;
  server.on('connection', (socket, request) => {
    count += 1;
    onConnection(socket, request, count);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server: `http://127.0.0.1:${address.port}`, key: 'secret', keySource: 'test', http };
};

const frame = (cursor: number) =>
  JSON.stringify({
    cursor: String(cursor),
    event: {
      id: `e${cursor}`,
      type: 'config.fleet.created.v1',
      time: '2026-11-21T10:00:00Z',
      subject: 'fleet-1',
      data: {},
    },
  });

test('after a disconnect the stream goes on behind the last event, and nothing comes twice', async () => {
  const urls: (string | undefined)[] = [];
  const connection = await serving((socket, request, nth) => {
    urls.push(request.url);
    expect(request.headers.authorization).toBe('Bearer secret');
    if (nth === 1) {
      socket.send(frame(1));
      socket.send(frame(2), () => socket.terminate());
    } else socket.send(frame(3));
  });
  const frames: Frame[] = [];
  const stop = new AbortController();
  await listen({
    connection,
    types: 'config.>',
    onFrame: (one) => {
      frames.push(one);
      if (one.cursor === '3') stop.abort();
    },
    onNotice: () => undefined,
    signal: stop.signal,
  });
  expect(frames.map((one) => one.cursor)).toEqual(['1', '2', '3']);
  expect(urls).toEqual([
    '/api/v1/events/stream?types=config.%3E&after=7',
    '/api/v1/events/stream?types=config.%3E&after=2',
  ]);
});

test('what happens while a connection is away before any event had come is not lost', async () => {
  const urls: (string | undefined)[] = [];
  const notices: string[] = [];
  const stop = new AbortController();
  const connection = await serving((socket, request, nth) => {
    urls.push(request.url);
    if (nth === 1) socket.close(1001, 'the server stops');
    else socket.send(frame(8));
  });
  await listen({
    connection,
    onFrame: () => stop.abort(),
    onNotice: (message) => notices.push(message),
    signal: stop.signal,
  });
  expect(urls).toEqual(['/api/v1/events/stream?after=7', '/api/v1/events/stream?after=7']);
  expect(notices).toEqual(['disconnected (the server stops); going on after cursor 7', 'connected again']);
});

test('a server that stays away is told of once, however often it is tried', async () => {
  const notices: string[] = [];
  const stop = new AbortController();
  let tries = 0;
  const connection = await serving((socket, _, nth) => {
    if (nth === 1) socket.close(1001, 'the server stops');
    else socket.send(frame(8));
  });
  connection.http.prependListener('upgrade', (_, socket) => {
    tries += 1;
    if (tries > 1 && tries < 4) socket.destroy();
  });
  await listen({
    connection,
    onFrame: () => stop.abort(),
    onNotice: (message) => notices.push(message),
    signal: stop.signal,
  });
  expect(tries).toBe(4);
  expect(notices.filter((notice) => notice.includes('npm start'))).toHaveLength(1);
  expect(notices.filter((notice) => notice === 'connected again')).toHaveLength(1);
});

test('what is no event is told as a notice', async () => {
  const stop = new AbortController();
  const connection = await serving((socket) => socket.send('{"error":"too slow"}'));
  const notices: string[] = [];
  await listen({
    connection,
    onFrame: () => undefined,
    onNotice: (message) => {
      notices.push(message);
      stop.abort();
    },
    signal: stop.signal,
  });
  expect(notices[0]).toBe('the server says: {"error":"too slow"}');
});

test('a refusal of the stream is an error with its reason', async () => {
  const server = createServer((_, response) => response.end());
  server.on('upgrade', (_, socket) => {
    const body = '{"detail":"The key is not known."}';
    socket.end(`HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const work = listen({
    connection: { server: `http://127.0.0.1:${address.port}`, key: undefined, keySource: 'none' },
    after: '1',
    onFrame: () => undefined,
    onNotice: () => undefined,
    signal: new AbortController().signal,
  });
  await expect(work).rejects.toThrow(
    new CliError('The key is not known. (no key: none); pass --key or set MOLTHUB_KEY', { status: 401 }),
  );
});

test('a server that is not there ends the first attempt', async () => {
  const work = listen({
    connection: { server: 'http://127.0.0.1:9', key: undefined, keySource: 'none' },
    onFrame: () => undefined,
    onNotice: () => undefined,
    signal: new AbortController().signal,
  });
  await expect(work).rejects.toThrow('cannot reach http://127.0.0.1:9');
});
