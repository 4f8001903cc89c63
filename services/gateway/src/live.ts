// The WebSocket stream of events: reads the feed from the client's cursor, as fast as the client takes it.
import { HttpProblem } from '@molthub/http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { FeedCursor, feedHead, onFeedGrown, readFeed, typesPattern } from './feed.ts';
import type { Principal } from './principal.ts';
import { admit, authorizationOf, base, type Doors, principalOf } from './register.ts';
import type { Tickets } from './tickets.ts';

export const livePath = '/events/stream';

/** What the stream takes in its query. */
export const LiveQuery = z.strictObject({
  types: z.string().max(2_000).optional(),
  after: FeedCursor.optional(),
  ticket: z.string().max(200).optional(),
});

const Ticket = z.object({ ticket: z.string().max(200).optional() });

export type LiveSettings = {
  /** Origins whose pages may connect, such as https://molthub.example. */
  readonly origins: readonly string[];
  readonly socketsMax: number;
  /** What may wait in memory for one client before it is given time, and then cut. */
  readonly bufferBytesMax: number;
  readonly patienceMs: number;
};

export type Live = { readonly close: () => Promise<void> };

const pageMax = 200;
const lookEveryMs = 1_000;
const pingEveryMs = 20_000;
const drainLookMs = 10;
const goodbyeMs = 1_000;
/** Source: RFC 6455 §7.4.1 and the IANA registry of close codes. */
const codes = { goingAway: 1001, policy: 1008, tryAgainLater: 1013, internal: 1011 } as const;

export const registerLive = (
  app: FastifyInstance,
  doors: Doors,
  parts: { readonly tickets: Tickets; readonly settings: LiveSettings },
): Live => {
  const sessions = new Set<Session>();
  const { settings, tickets } = parts;
  const count = doors.world.runtime.metrics.gauge('molthub_streams', 'Open streams of events.');
  count.set(0);
  const admission = {
    permission: 'event:read' as const,
    reach: 'workspace' as const,
    authenticate: async (request: FastifyRequest): Promise<Principal> => {
      checkOrigin(request, settings.origins);
      const { ticket } = Ticket.safeParse(request.query).data ?? {};
      if (ticket === undefined) return doors.authenticator.authenticate(authorizationOf(request));
      return tickets.redeem(ticket, request.headers.origin ?? null);
    },
  };
  app.route({
    method: 'GET',
    url: `${base}${livePath}`,
    onRequest: async (request) => {
      await admit(doors, request, admission);
      if (!request.ws) throw upgradeRequired();
      if (sessions.size >= settings.socketsMax) throw tooMany();
      paramsOf(request);
    },
    handler: async () => {
      throw upgradeRequired();
    },
    wsHandler: (socket, request) => {
      const principal = principalOf(request);
      if (!principal) {
        socket.close(codes.policy);
        return;
      }
      const session = openSession({ socket, principal, ...paramsOf(request), doors, settings });
      sessions.add(session);
      count.set(sessions.size);
      socket.on('close', () => {
        sessions.delete(session);
        count.set(sessions.size);
      });
    },
  });
  return {
    close: async () => {
      await Promise.all(
        [...sessions].map((session) => session.end(codes.goingAway, 'the server stops; connect again')),
      );
    },
  };
};

const paramsOf = (request: FastifyRequest) => {
  const parsed = LiveQuery.safeParse(request.query);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new HttpProblem({
      status: 400,
      code: 'gateway.invalid-request',
      detail: `The query is not as expected: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(),
      errors: parsed.error.issues.map((i) => ({ path: i.path.join('.'), code: i.code, message: i.message })),
    });
  }
  return { after: parsed.data.after, pattern: typesPattern(parsed.data.types) };
};

/** A page of another site must not read our events with a visitor's rights. */
const checkOrigin = (request: FastifyRequest, origins: readonly string[]) => {
  const { origin } = request.headers;
  if (origin === undefined || origins.includes(origin)) return;
  throw new HttpProblem({
    status: 403,
    code: 'gateway.foreign-origin',
    detail: 'Pages of this origin may not connect here.',
  });
};

const upgradeRequired = () =>
  new HttpProblem({
    status: 426,
    code: 'gateway.upgrade-required',
    detail: 'This is a WebSocket; connect to it as one.',
    headers: { upgrade: 'websocket', connection: 'upgrade' },
  });

const tooMany = () =>
  new HttpProblem({
    status: 503,
    code: 'gateway.too-many-streams',
    detail: 'Too many streams are open here; try again shortly.',
    headers: { 'retry-after': '5' },
  });

type Session = { readonly end: (code: number, reason: string) => Promise<void> };

type Parts = {
  readonly socket: WebSocket;
  readonly principal: Principal;
  readonly after: string | undefined;
  readonly pattern: string | undefined;
  readonly doors: Doors;
  readonly settings: LiveSettings;
};

/** Pulls: nothing is read for a client before it has taken what was sent, so nothing piles up. */
const openSession = (parts: Parts): Session => {
  const { socket, principal, doors, settings } = parts;
  const { runtime } = doors.world;
  let open = true;
  let wake: () => void = () => undefined;
  const forget = onFeedGrown(() => wake());
  const grown = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lookEveryMs);
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

  const run = async () => {
    let cursor = parts.after ?? (await feedHead(runtime.reads));
    while (open) {
      const growing = grown();
      const page = await readFeed(runtime.reads, {
        workspace: principal.workspace,
        after: cursor,
        pattern: parts.pattern,
        limit: pageMax,
      });
      for (const item of page.items) {
        if (!open) return undefined;
        socket.send(JSON.stringify(item));
        if (!(await drained())) return end(codes.tryAgainLater, `too slow; go on with after=${cursor}`);
        cursor = item.cursor;
      }
      cursor = page.next;
      if (page.more && open) wake();
      await growing;
    }
    return undefined;
  };

  const stopPings = keepAlive(socket);
  const stopChecks = checkKey(doors, principal, () => void end(codes.policy, 'the key is no longer valid'));
  socket.on('message', () => void end(codes.policy, 'this stream takes no messages'));
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    open = false;
    stopPings();
    stopChecks();
    forget();
    wake();
  });
  run().catch(async (error: unknown) => {
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
