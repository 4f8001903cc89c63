// The door for WebSockets: who may open which stream, from which pages, and how many at once.
import type { Permission } from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { codes, type LiveSettings, openSession, type Session, type Source } from './live-session.ts';
import type { Principal } from './principal.ts';
import { admit, authorizationOf, base, type Doors, principalOf } from './register.ts';
import type { Reach } from './route.ts';
import type { Tickets } from './tickets.ts';

/** A stream is a route with a source in the place of an answer. */
export type Stream = {
  readonly path: string;
  readonly permission: Permission;
  readonly reach: Reach;
  /** Throws 400 for a query that is none of its own. */
  readonly open: (doors: Doors, query: unknown, principal: Principal) => Source;
};

const Ticket = z.object({ ticket: z.string().max(200).optional() });

export type Live = { readonly close: () => Promise<void> };

export const registerLive = (
  app: FastifyInstance,
  doors: Doors,
  parts: { readonly tickets: Tickets; readonly settings: LiveSettings; readonly streams: readonly Stream[] },
): Live => {
  const sessions = new Set<Session>();
  const count = doors.world.runtime.metrics.gauge('molthub_streams', 'Open streams of events and of traces.');
  count.set(0);
  for (const stream of parts.streams) registerStream(app, doors, { ...parts, stream, sessions, count });
  return {
    close: async () => {
      await Promise.all(
        [...sessions].map((session) => session.end(codes.goingAway, 'the server stops; connect again')),
      );
    },
  };
};

type StreamParts = {
  readonly tickets: Tickets;
  readonly settings: LiveSettings;
  readonly stream: Stream;
  readonly sessions: Set<Session>;
  readonly count: { readonly set: (value: number) => void };
};

const registerStream = (app: FastifyInstance, doors: Doors, parts: StreamParts): void => {
  const { tickets, settings, stream, sessions, count } = parts;
  const admission = {
    permission: stream.permission,
    reach: stream.reach,
    authenticate: async (request: FastifyRequest): Promise<Principal> => {
      checkOrigin(request, settings.origins);
      const { ticket } = Ticket.safeParse(request.query).data ?? {};
      if (ticket === undefined) return doors.authenticator.authenticate(authorizationOf(request));
      return tickets.redeem(ticket, request.headers.origin ?? null);
    },
  };
  const sources = new WeakMap<FastifyRequest, Source>();
  app.route({
    method: 'GET',
    url: `${base}${stream.path}`,
    onRequest: async (request) => {
      await admit(doors, request, admission);
      if (!request.ws) throw upgradeRequired();
      if (sessions.size >= settings.socketsMax) throw tooMany();
      const principal = principalOf(request);
      if (principal) sources.set(request, stream.open(doors, request.query, principal));
    },
    handler: async () => {
      throw upgradeRequired();
    },
    wsHandler: (socket, request) => {
      const [principal, source] = [principalOf(request), sources.get(request)];
      if (!principal || !source) {
        socket.close(codes.policy);
        return;
      }
      const session = openSession({ socket, principal, source, doors, settings });
      sessions.add(session);
      count.set(sessions.size);
      socket.on('close', () => {
        sessions.delete(session);
        count.set(sessions.size);
      });
    },
  });
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
