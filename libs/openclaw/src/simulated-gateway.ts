// A simulator of OpenClaw's gateway protocol for tests: replays answers captured from 2026.9.6 and keeps a config in
// memory.
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { isObject, type JsonObject, own } from './json-tree.ts';

export type SimulatedGateway = {
  readonly url: string;
  readonly port: number;
  /** The bot's config file as it would be on disk. */
  readonly config: () => JsonObject;
  readonly setConfig: (config: JsonObject) => void;
  readonly requests: readonly { readonly method: string; readonly params: JsonObject }[];
  readonly sockets: () => readonly WebSocket[];
  readonly stop: () => Promise<void>;
};

export type Simulation = {
  readonly token: string;
  readonly protocol?: 3 | 4;
  readonly config?: JsonObject;
  /** The first so many handshakes are answered "still starting", and closed. */
  readonly startingHandshakes?: number;
  /** A patch that touches this top-level key restarts the gateway; on protocol 3 its answer never arrives. */
  readonly restartKey?: string;
  /** Answers that replace the simulator's own; `undefined` leaves the request unanswered. */
  readonly answer?: (method: string, params: JsonObject, socket: WebSocket) => JsonObject | undefined | 'usual';
  /** Instead of the handshake. */
  readonly onConnection?: (socket: WebSocket) => void;
};

type Fault = {
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
};

export function sample(name: string): JsonObject {
  const value: unknown = JSON.parse(readFileSync(new URL(`./samples/${name}.json`, import.meta.url), 'utf8'));
  return isObject(value) ? value : {};
}

export async function startSimulatedGateway(simulation: Simulation): Promise<SimulatedGateway> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  const state = { config: simulation.config ?? {}, revision: 1, handshakes: 0 };
  const requests: { method: string; params: JsonObject }[] = [];
  server.on('connection', (socket) => {
    // Tests break connections on purpose.
    socket.on('error', () => socket.terminate());
    if (simulation.onConnection !== undefined) return simulation.onConnection(socket);
    sendEvent(socket, 'connect.challenge', { nonce: 'n', ts: 0 });
    socket.on('message', (data) => {
      const request = readRequest(data);
      requests.push(request);
      const usual = () => usualAnswer({ simulation, state, socket, ...request });
      const given =
        simulation.answer === undefined ? 'usual' : simulation.answer(request.method, request.params, socket);
      const answer = given === 'usual' ? usual() : given;
      if (answer !== undefined) socket.send(JSON.stringify({ type: 'res', id: request.id, ...answer }));
    });
  });
  const { port } = addressOf(server);
  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    config: () => state.config,
    setConfig: (config) => {
      state.config = config;
      state.revision += 1;
    },
    requests,
    sockets: () => [...server.clients],
    stop: () =>
      new Promise((resolve) => {
        for (const socket of server.clients) socket.terminate();
        server.close(() => resolve());
      }),
  };
}

type Asked = {
  readonly simulation: Simulation;
  readonly state: { config: JsonObject; revision: number; handshakes: number };
  readonly socket: WebSocket;
  readonly method: string;
  readonly params: JsonObject;
};

function usualAnswer(asked: Asked): JsonObject | undefined {
  switch (asked.method) {
    case 'connect':
      return handshake(asked);
    case 'health':
    case 'status':
      return { ok: true, payload: sample(asked.method)['payload'] };
    case 'config.get':
      return ok({ ...captured('config.get'), parsed: asked.state.config, hash: `hash-${asked.state.revision}` });
    case 'config.schema.lookup': {
      const path = String(asked.params['path']);
      const known = path === 'logging.level' || path === 'gateway.port';
      return known
        ? ok(captured(`config.schema.lookup-${path}`))
        : refused({ code: 'INVALID_REQUEST', message: 'not found' });
    }
    case 'config.patch':
      return patch(asked);
    default:
      return refused({ code: 'INVALID_REQUEST', message: `unknown method: ${asked.method}` });
  }
}

function handshake({ simulation, state, params, socket }: Asked): JsonObject {
  state.handshakes += 1;
  if (state.handshakes <= (simulation.startingHandshakes ?? 0)) {
    setImmediate(() => socket.close(1013, 'gateway starting'));
    return refused({ code: 'UNAVAILABLE', message: 'starting', retryable: true, retryAfterMs: 50 });
  }
  const auth = params['auth'];
  if (!isObject(auth) || auth['token'] !== simulation.token) {
    setImmediate(() => socket.close(1008));
    return { ok: false, error: { code: 'INVALID_REQUEST', message: 'no', details: { code: 'AUTH_TOKEN_MISMATCH' } } };
  }
  return ok({ ...sample('hello'), protocol: simulation.protocol ?? 4 });
}

function patch({ simulation, state, params, socket }: Asked): JsonObject | undefined {
  if (params['baseHash'] !== `hash-${state.revision}`) {
    return refused({ code: 'INVALID_REQUEST', message: 'config changed since last load; re-run config.get and retry' });
  }
  const given: unknown = JSON.parse(String(params['raw']));
  state.config = mergePatched(state.config, given);
  state.revision += 1;
  const restart = simulation.restartKey !== undefined && isObject(given) && Object.hasOwn(given, simulation.restartKey);
  if (!restart) return ok({ ok: true, sentinel: { payload: { stats: { requiresRestart: false } } } });
  setImmediate(() => {
    sendEvent(socket, 'shutdown', { reason: 'gateway restarting', restartExpectedMs: 1500 });
    socket.close(1012, 'service restart');
  });
  return simulation.protocol === 3
    ? undefined
    : ok({ ok: true, sentinel: { payload: { stats: { requiresRestart: true } } } });
}

/** RFC 7396, written out here so that the patches are judged by other code than the code that makes them. */
export function mergePatched(target: unknown, change: unknown): JsonObject {
  const result = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(isObject(change) ? change : {})) {
    if (value === null) result.delete(name);
    else result.set(name, isObject(value) ? mergePatched(result.get(name), value) : value);
  }
  return Object.fromEntries(result);
}

export function sendEvent(socket: WebSocket, event: string, payload: JsonObject): void {
  socket.send(JSON.stringify({ type: 'event', event, payload }));
}

function captured(name: string): JsonObject {
  const payload = own(sample(name), 'payload');
  return isObject(payload) ? payload : {};
}

function ok(payload: JsonObject): JsonObject {
  return { ok: true, payload };
}

function refused(error: Fault): JsonObject {
  return { ok: false, error };
}

function readRequest(data: RawData): { id: string; method: string; params: JsonObject } {
  const value: unknown = JSON.parse(Buffer.isBuffer(data) ? data.toString('utf8') : '{}');
  const request = isObject(value) ? value : {};
  const params = request['params'];
  return { id: String(request['id']), method: String(request['method']), params: isObject(params) ? params : {} };
}

function addressOf(server: WebSocketServer): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The simulator listens on no port.');
  return address;
}
