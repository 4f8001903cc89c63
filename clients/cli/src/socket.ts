// One WebSocket to the gateway, from its opening to its end.
import { WebSocket } from 'ws';
import { CliError } from './cli-error.ts';
import { type Query, refusalTo, unreachableServer } from './client.ts';
import type { Connection } from './connection.ts';

export type Socket = {
  readonly connection: Connection;
  readonly path: string;
  readonly query: Query;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onText: (text: string) => void;
};

const pingMs = 15_000;

/** Refused for good: the same request would be refused again. */
export const isFinal = (error: CliError): boolean =>
  error.status !== undefined && error.status < 500 && error.status !== 429 && error.status !== 408;

/** Answers why it ended: as an error where there was no connection, or no right to one. */
export const openSocket = (parts: Socket): Promise<CliError | string> => {
  const { connection, path, query, signal } = parts;
  const url = new URL(path, connection.server.replace(/^http/, 'ws'));
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const headers = connection.key === undefined ? {} : { authorization: `Bearer ${connection.key}` };
  const socket = new WebSocket(url, { headers, handshakeTimeout: 10_000, maxPayload: 4 * 1024 * 1024 });
  const stop = () => socket.close(1000);
  signal.addEventListener('abort', stop, { once: true });
  const end = Promise.withResolvers<CliError | string>();
  const pulse = heartbeat(socket);
  socket.on('open', parts.onOpen);
  socket.on('message', (data: Buffer) => parts.onText(data.toString()));
  socket.on('error', (error) => end.resolve(unreachableServer(connection.server, error)));
  socket.on('unexpected-response', (request, response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      end.resolve(refusalTo(connection, response.statusCode ?? 0, jsonOf(Buffer.concat(chunks).toString())));
      request.destroy();
    });
  });
  socket.on('close', (code, reason) => end.resolve(closing(code, String(reason))));
  return end.promise.finally(() => {
    clearInterval(pulse);
    signal.removeEventListener('abort', stop);
  });
};

/** A connection can die without a word: what answers no ping is cut, and opened again. */
const heartbeat = (socket: WebSocket): NodeJS.Timeout => {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  return setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, pingMs);
};

/** 1008 is how a server ends a session that has no right any more. */
const closing = (code: number, reason: string): CliError | string =>
  code === 1008 ? new CliError(reason || 'the server ended the stream', { status: 403 }) : reason || `code ${code}`;

export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is an answer of its own: the caller says what it got.
    return undefined;
  }
};
