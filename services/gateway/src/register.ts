// Rows → routes: authenticate → authorize → validate → same key, same answer → command or query → answer.
import { traceparentOf, expectedVersionOf, HttpProblem, hashOfBody, preferredWaitMs } from '@molthub/http';
import { derivedId, newId } from '@molthub/identity';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatch } from './dispatch.ts';
import { commandIdOf, type Idempotency, idempotencyKeyOf } from './idempotency.ts';
import { type Authenticator, authorize, forbidden, isOfInstallation, type Principal } from './principal.ts';
import type { RateLimits } from './rate-limit.ts';
import type { Answer, Call, Prepared, Route } from './route.ts';
import { checkSubject } from './subjects.ts';
import type { World } from './world.ts';

export const base = '/api/v1';
const waitDefaultMs = 10_000;

export type Doors = {
  readonly world: World;
  readonly dispatch: Dispatch;
  readonly idempotency: Idempotency;
  readonly authenticator: Authenticator;
  readonly limits: () => RateLimits;
  /** Whether every answer is checked against its schema: for tests. */
  readonly checkAnswers: boolean;
};

const principals = new WeakMap<FastifyRequest, Principal>();
/** Who made this request, once that is known. */
export const principalOf = (request: FastifyRequest): Principal | undefined => principals.get(request);

const permissions = new WeakMap<FastifyRequest, Route['permission']>();
export const permissionOf = (request: FastifyRequest): Route['permission'] | undefined => permissions.get(request);

/** Decides on the matched route, before a byte of the body is read. Throws 401, 403 or 429. */
export const admit = async (doors: Doors, request: FastifyRequest, route: Admission): Promise<void> => {
  permissions.set(request, route.permission);
  if (route.permission === 'none') return;
  const principal = await authenticated(doors, request, route.authenticate);
  principals.set(request, principal);
  await doors.limits().countRequest(request, principal);
  if (route.permission !== 'any-key') authorize(principal, route.permission);
  if (route.reach === 'workspace' && principal.fleetIds.length > 0) {
    throw forbidden('This key is for some fleets only, and this is about the whole workspace.');
  }
  if (route.reach === 'installation' && !isOfInstallation(principal)) {
    throw forbidden('This is about the whole installation, and only for keys of its first workspace.');
  }
};

export type Admission = Pick<Route, 'permission' | 'reach'> & {
  /** Another way to say who is calling, such as a ticket. */
  readonly authenticate?: (request: FastifyRequest) => Promise<Principal>;
};

const authenticated = async (
  doors: Doors,
  request: FastifyRequest,
  other: Admission['authenticate'],
): Promise<Principal> => {
  try {
    return await (other ? other(request) : doors.authenticator.authenticate(authorizationOf(request)));
  } catch (error) {
    if (error instanceof HttpProblem && error.status === 401) await doors.limits().countFailure(request);
    throw error;
  }
};

/** The one Authorization header. Node keeps the first of several; a request that sends two is no request of ours. */
export const authorizationOf = (request: FastifyRequest): string | undefined => {
  const names = request.raw.rawHeaders.filter((_, index) => index % 2 === 0);
  const count = names.filter((name) => name.toLowerCase() === 'authorization').length;
  return count === 1 ? request.headers.authorization : undefined;
};

/** Makes a Fastify route of every row. */
export const register = (app: FastifyInstance, rows: readonly Route[], doors: Doors): void => {
  for (const row of rows) {
    app.route({
      method: row.method,
      url: row.isOutside ? row.path : `${base}${row.path}`,
      onRequest: (request) => admit(doors, request, row),
      handler: (request, reply) => handle(doors, row, request, reply),
    });
  }
};

const handle = async (
  doors: Doors,
  row: Route,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const { params, query, body } = request;
  const prepared = row.prepare({ params, query, body });
  const call = callOf(doors, row, request);
  for (const subject of prepared.subjects) await checkSubject(call, subject);
  const answer = await answerOnce(doors, row, request, call, prepared);
  if (doors.checkAnswers && answer.status === row.status && !answer.contentType) row.answer?.parse(answer.body);
  return send(reply, answer);
};

const send = (reply: FastifyReply, { status, body, headers, contentType }: Answer): FastifyReply => {
  reply.code(status).headers(headers ?? {});
  if (body === undefined) return reply.send();
  if (contentType) return reply.type(contentType).send(body);
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
};

const anonymous: Principal = {
  keyId: '',
  name: '',
  role: 'VIEWER',
  scopes: [],
  fleetIds: [],
  workspace: '',
  expiresAt: null,
};

const callOf = (doors: Doors, row: Route, request: FastifyRequest): Call => {
  const principal = principals.get(request) ?? anonymous;
  const key = row.method === 'GET' ? undefined : idempotencyKeyOf(request.headers['idempotency-key']);
  const commandId = key === undefined ? newId() : commandIdOf(principal, row.method, pathOf(request), key);
  return {
    world: doors.world,
    dispatch: doors.dispatch,
    principal,
    workspace: principal.workspace,
    correlationId: request.id,
    traceparent: traceparentOf(request),
    commandId,
    newId: derivedId(commandId, '0'),
    expectedVersion: row.method === 'GET' ? undefined : expectedVersionOf(request.headers['if-match']),
    waitMs: preferredWaitMs(headerOf(request, 'prefer'), waitDefaultMs),
    origin: request.headers.origin ?? null,
  };
};

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';
const headerOf = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
};

const answerOnce = async (
  { idempotency }: Doors,
  row: Route,
  request: FastifyRequest,
  call: Call,
  prepared: Prepared,
): Promise<Answer> => {
  if (request.headers['idempotency-key'] === undefined || row.method === 'GET') return prepared.run(call);
  const kept = await idempotency.begin(call.commandId, hashOfBody(request));
  if (kept) return { ...kept, headers: { ...kept.headers, 'idempotent-replayed': 'true' } };
  const answer = await prepared.run(call);
  // 202 is not the last word; a refusal is stored with the command by its owner, and given again from there.
  if (answer.status !== 202 && !row.secretAnswer) await idempotency.finish(call.commandId, answer);
  return answer;
};
