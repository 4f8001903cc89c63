// One connection to one bot's gateway: requests with deadlines, events, and an end that is always noticed.
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { GatewayError, plainText } from './gateway-error.ts';
import {
  type AnswerFrame,
  connectParams,
  frame,
  type GatewayEvent,
  type Hello,
  hello,
  OPERATOR_SCOPES,
  type OperatorScope,
} from './gateway-frames.ts';
import { isObject } from './json-tree.ts';

export type GatewayOptions = {
  /** `ws://127.0.0.1:<port>` */
  readonly url: string;
  readonly token: string;
  readonly timeoutMs: number;
  readonly onEvent?: (event: GatewayEvent) => void;
  /** A probe asks for `operator.read` only. */
  readonly scopes?: readonly OperatorScope[];
};

export type GatewayClosed = { readonly code: number; readonly reason: string };

export type GatewayClient = {
  readonly options: GatewayOptions;
  readonly hello: Hello;
  readonly closed: Promise<GatewayClosed>;
  readonly request: (method: string, params: unknown, timeoutMs: number) => Promise<unknown>;
  readonly close: () => void;
};

/** Twice the largest answer Molthub asks for: the schema with its hints, 2.1 MB. */
const FRAME_BYTES_MAX = 4 * 1_048_576;
/** What parsing costs is the number of values, not of bytes: this many take up to 45 ms, and the schema has fewer. */
const FRAME_VALUES_MAX = 100_000;
const UNASKED_BYTES_MAX = 131_072;
const FRAMES_PER_SECOND_MAX = 2_000;
const PENDING_MAX = 64;
const DETAILS_CHARACTERS_MAX = 16_384;
const RETRY_AFTER_MS = 500;
const WAITED_OUT_MS_MAX = 5_000;

/**
 * Connects and shakes hands, waiting out a gateway that says it is still starting. Fails within `timeoutMs`, with a
 * `GatewayError`, when nobody answers, the token is wrong or the protocol is another.
 */
export async function connectGateway(options: GatewayOptions): Promise<GatewayClient> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    try {
      return await connectOnce(options, deadline - Date.now());
    } catch (error) {
      await waitOut(error, deadline);
    }
  }
}

async function connectOnce(options: GatewayOptions, timeoutMs: number): Promise<GatewayClient> {
  const link = openLink(options, timeoutMs);
  const timer = setTimeout(
    () => link.fail(new GatewayError('timeout', 'The gateway did not answer in time.')),
    timeoutMs,
  );
  try {
    await Promise.race([link.challenged, link.failed]);
    const params = connectParams(options.token, options.scopes ?? OPERATOR_SCOPES);
    const greeting = hello.safeParse(await link.send('connect', params, timeoutMs));
    if (!greeting.success) throw new GatewayError('protocol', 'The handshake has another shape than protocol 3 or 4.');
    const request = (method: string, params: unknown, limitMs: number) => requestUntil(link, method, params, limitMs);
    return { options, hello: greeting.data, closed: link.closed, request, close: link.close };
  } catch (error) {
    link.close();
    throw duringHandshake(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Before the handshake nothing can have taken effect: an early close means not there, or (1013) not there yet. */
function duringHandshake(error: unknown): unknown {
  if (!(error instanceof GatewayError) || error.failure !== 'outcome-unknown') return error;
  const starting = error.code === 'CLOSED_1013';
  return new GatewayError('unreachable', error.message, {
    code: starting ? 'UNAVAILABLE' : error.code,
    retryable: starting,
  });
}

/** Sends again while the gateway says that it cannot answer yet, within the deadline. */
async function requestUntil(link: Link, method: string, params: unknown, timeoutMs: number): Promise<unknown> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await link.send(method, params, deadline - Date.now());
    } catch (error) {
      await waitOut(error, deadline);
    }
  }
}

/**
 * Waits as long as the gateway asked for. Throws where waiting would not help, or is for the caller to decide: a rate
 * limit.
 */
async function waitOut(error: unknown, deadline: number): Promise<void> {
  if (!(error instanceof GatewayError) || error.code !== 'UNAVAILABLE' || !error.retryable) throw error;
  const pauseMs = Math.max(error.retryAfterMs ?? RETRY_AFTER_MS, 50);
  if (pauseMs > WAITED_OUT_MS_MAX || Date.now() + pauseMs >= deadline) throw error;
  await wait(pauseMs);
}

type Waiting = { readonly done: (payload: unknown) => void; readonly failed: (error: Error) => void };
type Link = {
  readonly challenged: Promise<void>;
  readonly failed: Promise<never>;
  readonly closed: Promise<GatewayClosed>;
  readonly send: (method: string, params: unknown, timeoutMs: number) => Promise<unknown>;
  readonly fail: (error: GatewayError) => void;
  readonly close: () => void;
};

function openLink(options: GatewayOptions, timeoutMs: number): Link {
  const socket = new WebSocket(options.url, {
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
    handshakeTimeout: Math.max(timeoutMs, 1),
    followRedirects: false,
  });
  const pending = new Map<string, Waiting>();
  const challenge = Promise.withResolvers<void>();
  const failure = Promise.withResolvers<never>();
  const end = Promise.withResolvers<GatewayClosed>();
  // Nobody may be waiting for it when the connection ends after the handshake.
  failure.promise.catch(() => undefined);

  const fail = (error: GatewayError) => {
    failure.reject(error);
    for (const one of pending.values()) one.failed(error);
    pending.clear();
    socket.terminate();
  };
  const close = () => {
    socket.close(1000);
    // A peer that never answers the close must not keep the socket.
    setTimeout(() => socket.terminate(), 500).unref();
  };
  const allowed = frameRate();
  socket.on('message', (data) => {
    if (!allowed()) return fail(new GatewayError('protocol', 'The gateway sends more frames than any answer needs.'));
    const received = readFrame(Buffer.isBuffer(data) ? data : Buffer.of(), pending.size);
    if (received === undefined) return;
    if (received instanceof GatewayError) return fail(received);
    if (received.type === 'res') return settle(pending, received);
    if (received.event === 'connect.challenge') challenge.resolve();
    options.onEvent?.({ event: received.event, payload: received.payload });
  });
  socket.on('unexpected-response', (_request, response) => {
    const code = `HTTP_${response.statusCode}`;
    fail(new GatewayError('refused', `The gateway answered the upgrade with ${code}.`, { code }));
    response.destroy();
  });
  socket.on('error', (error) => fail(brokenLink(error)));
  socket.on('close', (code, reason) => {
    const text = plainText(reason.toString(), 120);
    end.resolve({ code, reason: text });
    const message = `The gateway closed the connection (${code} ${text}).`;
    fail(new GatewayError('outcome-unknown', message, { code: `CLOSED_${code}` }));
  });

  return {
    challenged: challenge.promise,
    failed: failure.promise,
    closed: end.promise,
    send: sender(socket, pending),
    fail,
    close,
  };
}

function sender(socket: WebSocket, pending: Map<string, Waiting>): Link['send'] {
  let requests = 0;
  return (method, params, limitMs) =>
    new Promise<unknown>((resolve, reject) => {
      const open = socket.readyState === WebSocket.OPEN;
      if (!open) return reject(new GatewayError('unreachable', 'The connection is closed.'));
      if (pending.size >= PENDING_MAX) return reject(new GatewayError('protocol', 'Too many requests are under way.'));
      requests += 1;
      const id = `r${requests}`;
      const timer = setTimeout(
        () => {
          pending.delete(id);
          reject(new GatewayError('timeout', `The gateway did not answer ${method} in time.`));
        },
        Math.max(limitMs, 1),
      );
      const done = (payload: unknown) => {
        clearTimeout(timer);
        resolve(payload);
      };
      const failed = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      pending.set(id, { done, failed });
      socket.send(JSON.stringify({ type: 'req', id, method, params }));
    });
}

function settle(pending: Map<string, Waiting>, answer: AnswerFrame): void {
  const waiting = pending.get(answer.id);
  pending.delete(answer.id);
  if (waiting === undefined) return;
  if (answer.ok) return waiting.done(answer.payload);
  const { code = 'UNKNOWN', message = '', details, retryable, retryAfterMs } = answer.error ?? {};
  const bounded = (JSON.stringify(details) ?? '').length > DETAILS_CHARACTERS_MAX ? undefined : details;
  const particular = isObject(bounded) && typeof bounded['code'] === 'string' ? bounded['code'] : code;
  const particulars = { code: particular, details: bounded, retryable: retryable ?? false };
  const error = new GatewayError(
    'refused',
    message,
    retryAfterMs === undefined ? particulars : { ...particulars, retryAfterMs },
  );
  waiting.failed(error);
}

function readFrame(bytes: Buffer, pending: number) {
  const asked = pending > 0 && bytes.subarray(0, 13).toString('latin1') === '{"type":"res"';
  const large = bytes.length > UNASKED_BYTES_MAX;
  if (large && !asked) return new GatewayError('protocol', 'The gateway sent a huge unasked frame.');
  if (large && valuesIn(bytes) > FRAME_VALUES_MAX) {
    return new GatewayError('protocol', 'The gateway sent an answer with more values than any real one has.');
  }
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    // Kinds of frame that later versions may add are none of our answers.
    if (!isObject(value) || (value['type'] !== 'res' && value['type'] !== 'event')) return undefined;
    return frame.parse(value);
  } catch (cause) {
    return new GatewayError('protocol', 'The gateway sent something that is no frame of its protocol.', { cause });
  }
}

/** Commas and opening brackets: an upper bound on values that costs a millisecond per MB to count. */
function valuesIn(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count += 1;
  return count;
}

function frameRate(): () => boolean {
  let second = 0;
  let frames = 0;
  return () => {
    const now = Math.floor(Date.now() / 1_000);
    frames = now === second ? frames + 1 : 1;
    second = now;
    return frames <= FRAMES_PER_SECOND_MAX;
  };
}

function brokenLink(error: Error): GatewayError {
  const code = 'code' in error ? String(error.code) : '';
  if (code.startsWith('WS_ERR'))
    return new GatewayError('protocol', `The gateway broke the protocol (${code}).`, { code, cause: error });
  return new GatewayError('unreachable', `The gateway cannot be reached (${code || error.message}).`, { cause: error });
}
