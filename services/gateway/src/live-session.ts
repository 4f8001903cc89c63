// One client of a stream: sent what it takes and no more, and cut when it is too slow, silent, or its key is revoked.
import { HttpProblem } from '@molthub/http';
import type { WebSocket } from 'ws';
import type { Principal } from './principal.ts';
import type { Doors } from './register.ts';

export type LiveSettings = {
  /** Origins whose pages may connect, such as https://molthub.example. */
  readonly origins: readonly string[];
  readonly socketsMax: number;
  /** What may wait in memory for one client before it is given time, and then cut. */
  readonly bufferBytesMax: number;
  readonly patienceMs: number;
};

const pingEveryMs = 20_000;
const drainLookMs = 10;
const goodbyeMs = 1_000;
/** Source: RFC 6455 §7.4.1 and the IANA registry of close codes. */
export const codes = { goingAway: 1001, policy: 1008, tryAgainLater: 1013, internal: 1011 } as const;

export type Session = { readonly end: (code: number, reason: string) => Promise<void> };

/** What a stream reads from, and where it sends what it finds. */
export type Pipe = {
  readonly isOpen: () => boolean;
  /** Sends and waits until the client has taken enough; false: it was too slow and is gone. `goOn` tells it where to. */
  readonly send: (frame: unknown, goOn: string) => Promise<boolean>;
  /** Until there may be more: `wake` was called, or `ms` have passed. To be made before looking, so that nothing is missed. */
  readonly pause: (ms: number) => Promise<void>;
  readonly wake: () => void;
};
/** Runs until the pipe is closed. */
export type Source = (pipe: Pipe) => Promise<void>;

type Parts = {
  readonly socket: WebSocket;
  readonly principal: Principal;
  readonly source: Source;
  readonly doors: Doors;
  readonly settings: LiveSettings;
};

/** Pulls: nothing is read for a client before it has taken what was sent, so nothing piles up. */
export const openSession = (parts: Parts): Session => {
  const { socket, principal, doors, settings } = parts;
  const { runtime } = doors.world;
  let open = true;
  let wake: () => void = () => undefined;
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const end = async (code: number, reason: string) => {
    if (!open) return;
    open = false;
    wake();
    socket.close(code, reason.slice(0, 120));
    // A client that does not answer the goodbye is not waited for.
    const timer = setTimeout(() => socket.terminate(), goodbyeMs);
    await new Promise<void>((resolve) => {
      if (socket.readyState === socket.CLOSED) resolve();
      else socket.once('close', () => resolve());
    });
    clearTimeout(timer);
  };

  const drained = async (): Promise<boolean> => {
    const deadline = Date.now() + settings.patienceMs;
    while (open && socket.bufferedAmount > settings.bufferBytesMax) {
      if (Date.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, drainLookMs));
    }
    return true;
  };

  const send = async (frame: unknown, goOn: string): Promise<boolean> => {
    if (!open) return false;
    socket.send(JSON.stringify(frame));
    if (await drained()) return open;
    await end(codes.tryAgainLater, `too slow; ${goOn}`);
    return false;
  };

  const stopPings = keepAlive(socket);
  const stopChecks = checkKey(doors, principal, () => void end(codes.policy, 'the key is no longer valid'));
  socket.on('message', () => void end(codes.policy, 'this stream takes no messages'));
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    open = false;
    stopPings();
    stopChecks();
    wake();
  });
  parts.source({ isOpen: () => open, send, pause, wake: () => wake() }).catch(async (error: unknown) => {
    if (error instanceof HttpProblem) return end(codes.policy, `${error.code}: ${error.message}`);
    runtime.logger.warn({ err: error }, 'a stream ended; its client may go on from its cursor');
    return end(codes.internal, 'something went wrong here; go on from your cursor');
  });
  return { end };
};

const keyCheckMs = 200;

/** A revoked key ends its streams, not only its requests. When the database is away the stream stays as it is. */
const checkKey = ({ authenticator, world }: Doors, { keyId }: Principal, revoked: () => void): (() => void) => {
  const timer = setInterval(() => {
    authenticator
      .stillGood(keyId)
      .then((principal) => (principal ? undefined : revoked()))
      .catch((error: unknown) => world.runtime.logger.debug({ err: error }, 'a key could not be looked at'));
  }, keyCheckMs).unref();
  return () => clearInterval(timer);
};

/** Ends a connection whose other side no longer answers. */
const keepAlive = (socket: WebSocket): (() => void) => {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) socket.terminate();
    answered = false;
    socket.ping();
  }, pingEveryMs).unref();
  return () => clearInterval(timer);
};
