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

/** A WebSocket server on this machine, and the address that reaches it. */
const serving = async (onConnection: (socket: WebSocket, request: IncomingMessage, nth: number) => void) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  open.push(server);
  let count = 0;
  server.on('connection', (socket, request) => {
    count += 1;
    onConnection(socket, request, count);
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server: `http://127.0.0.1:${address.port}`, key: 'secret', keySource: 'test' };
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
  expect(urls).toEqual(['/api/v1/events/stream?types=config.%3E', '/api/v1/events/stream?types=config.%3E&after=2']);
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
    onFrame: () => undefined,
    onNotice: () => undefined,
    signal: new AbortController().signal,
  });
  await expect(work).rejects.toThrow(new CliError('The key is not known.', { status: 401 }));
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
