// Opens the door: the app with every route, the stream, and what keeps them going; closes it without losing a request.
import { createHmac } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import websocket from '@fastify/websocket';
import type { Commander } from '@molthub/bus';
import { ApiKeyRevoked, limits as sizes } from '@molthub/contracts';
import { type App, createApp, createCursors, HttpProblem } from '@molthub/http';
import type { Runtime } from '@molthub/service';
import type { FastifyRequest } from 'fastify';
import { createDispatch } from './dispatch.ts';
import { createIdempotency } from './idempotency.ts';
import { eventStream } from './event-stream.ts';
import { registerLive } from './live.ts';
import { documentOf } from './openapi-document.ts';
import { createOperations } from './operations.ts';
import { translate } from './outcome.ts';
import { createAuthenticator } from './principal.ts';
import { createRateLimits, type RateLimits, type RateSettings } from './rate-limit.ts';
import { openReadSide } from './read-side.ts';
import { createRefusals, type Refusals } from './refusals.ts';
import { admit, base, type Doors, permissionOf, principalOf, register } from './register.ts';
import { allRoutes, routes } from './routes/index.ts';
import { traceTail } from './routes/traces/tail.ts';
import { ensureSigningKey } from './signing-key/signing-key.ts';
import { createTickets } from './tickets.ts';
import type { Part, World } from './world.ts';

export type GatewaySettings = {
  readonly runtime: Runtime;
  readonly commander: Commander;
  /** Postgres as the role that sees published views only. */
  readonly readerUrl: string;
  /** 32 bytes, the same in every replica: see `ensureGatewaySecret`. */
  readonly secret: Buffer;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Each service and dependency by name. */
  readonly readiness: () => Promise<readonly Part[]>;
  /** Origins whose pages may open the stream; default: the gateway's own address. */
  readonly origins?: readonly string[];
  readonly rate?: Partial<RateSettings>;
  readonly readerConnectionsMax?: number;
  readonly socketsMax?: number;
  readonly socketBufferBytesMax?: number;
  readonly socketPatienceMs?: number;
  /** Checks every answer against its schema: for tests. */
  readonly checkAnswers?: boolean;
};

export type RunningGateway = { readonly url: string; readonly port: number; readonly close: () => Promise<void> };

/** A key may ask this often; a fleet of 10,000 bots is created in a minute with one. */
const rateDefaults: RateSettings = { requestsPerMinute: 300_000, failuresPerMinute: 600 };
const framesBytesMax = 64 * 1024;

/** Starts listening. The service `gateway` must run by then, in this process: its runtime is what requests are carried out with. */
export const startGateway = async (settings: GatewaySettings): Promise<RunningGateway> => {
  const { runtime, commander } = settings;
  const { logger } = runtime;
  const readSide = openReadSide({
    url: settings.readerUrl,
    connectionsMax: settings.readerConnectionsMax ?? 8,
    onError: (error) => logger.warn({ err: error }, 'a connection of the read side was lost'),
  });
  const refusals = createRefusals(runtime);
  const operations = createOperations(runtime, commander);
  const authenticator = createAuthenticator(runtime.reads);
  const forgetRevoked = runtime.committed((events) => {
    if (events.some((event) => event.type === ApiKeyRevoked.type)) authenticator.forget();
  });
  const tickets = createTickets(runtime, authenticator);
  const rows = routes(() => tickets);
  const document = documentOf(allRoutes(() => tickets));
  const closing = new AbortController();
  const world: World = {
    closing: closing.signal,
    runtime,
    commander,
    views: readSide.views,
    cursors: createCursors(createHmac('sha256', settings.secret).update('cursors').digest()),
    secret: settings.secret,
    signingKey: await ensureSigningKey(runtime),
    readiness: settings.readiness,
    document: () => document,
  };
  const app = createApp({
    logger,
    translate,
    refused: (request, problem) => refusals.note(turnedAway(request, problem)),
    bodyBytesMax: sizes.bodyBytesMax,
  });
  measure(app, runtime);
  await app.register(rateLimit, { global: false });
  await app.register(websocket, { options: { maxPayload: framesBytesMax, perMessageDeflate: false } });
  const limits = createRateLimits(app, { ...rateDefaults, ...settings.rate }, principalOf);
  const doors: Doors = {
    world,
    dispatch: createDispatch(world, operations),
    idempotency: createIdempotency(runtime),
    authenticator,
    limits: (): RateLimits => limits,
    checkAnswers: settings.checkAnswers ?? false,
  };
  const origins: string[] = [...(settings.origins ?? [])];
  register(app, rows, doors);
  const live = registerLive(app, doors, {
    tickets,
    streams: [eventStream, traceTail],
    settings: {
      origins,
      socketsMax: settings.socketsMax ?? 2_000,
      bufferBytesMax: settings.socketBufferBytesMax ?? 1024 * 1024,
      patienceMs: settings.socketPatienceMs ?? 10_000,
    },
  });
  answerUnknown(app, doors);
  await app.listen({ host: settings.host, port: settings.port });
  const port = portOf(app);
  const url = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`;
  if (!settings.origins) origins.push(url, `http://localhost:${port}`);
  return {
    url,
    port,
    close: async () => {
      closing.abort();
      await live.close();
      await app.close();
      forgetRevoked();
      await operations.close();
      await closeRefusals(refusals);
      await readSide.close();
    },
  };
};

const flushMs = 3_000;

/** What cannot be written because the database is away must not keep the program from stopping. */
const closeRefusals = (refusals: Refusals): Promise<void> =>
  Promise.race([refusals.close(), new Promise<void>((resolve) => setTimeout(resolve, flushMs).unref())]);

const portOf = (app: App): number => {
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no port.');
  return address.port;
};

const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'unknown';

const turnedAway = (request: FastifyRequest, problem: HttpProblem) => ({
  method: request.method,
  route: routeOf(request),
  permission: permissionOf(request) ?? null,
  resourceId: idOf(request.params),
  address: request.ip,
  correlationId: request.id,
  principal: principalOf(request),
  problem,
});

const idOf = (params: unknown): string | null =>
  typeof params === 'object' &&
  params !== null &&
  'id' in params &&
  typeof params.id === 'string' &&
  /^[0-9a-f-]{36}$/i.test(params.id)
    ? params.id
    : null;

/** Below the API nobody learns what there is without a key. */
const answerUnknown = (app: App, doors: Doors) => {
  app.setNotFoundHandler(async (request) => {
    if (request.url.startsWith('/api')) await admit(doors, request, { permission: 'any-key', reach: 'nothing' });
    throw new HttpProblem({
      status: 404,
      code: 'gateway.not-found',
      detail: `There is nothing here; ${base}/openapi.json lists what there is.`,
    });
  });
};

const measure = (app: App, { metrics }: Runtime) => {
  const seconds = metrics.histogram('http_request_duration_seconds', 'How long requests took.', [
    'method',
    'route',
    'status',
  ]);
  app.addHook('onResponse', (request, reply, done) => {
    seconds.observe(
      { method: request.method, route: routeOf(request), status: String(reply.statusCode) },
      reply.elapsedTime / 1_000,
    );
    done();
  });
};
