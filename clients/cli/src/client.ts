// The gateway over HTTP: requests with a key, answers checked against a schema, refusals as one clear error.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Problem } from '@molthub/contracts';
import { z } from 'zod';
import { CliError, reworded } from './cli-error.ts';
import { codeOf, type Connection } from './connection.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type Client = {
  readonly connection: Connection;
  get<S extends z.ZodType>(answer: S, path: string, query?: Query): Promise<z.infer<S>>;
  /**
   * Work so slow that it is answered before it is done is waited for; `reread` then says where its answer stands. What
   * is no longer of the version `ifMatch` is left alone: the refusal is a 412.
   */
  post<S extends z.ZodType>(
    answer: S,
    path: string,
    body?: unknown,
    reread?: Reread,
    ifMatch?: number,
  ): Promise<z.infer<S>>;
  patch<S extends z.ZodType>(answer: S, path: string, body: unknown): Promise<z.infer<S>>;
  delete(path: string, ifMatch?: number): Promise<void>;
  /** Every item of a list, page by page; `max` bounds how many are kept. */
  all<S extends z.ZodType>(item: S, path: string, query?: Query, max?: number): Promise<z.infer<S>[]>;
  /** Every item of a list that has no pages. */
  whole<S extends z.ZodType>(item: S, path: string): Promise<z.infer<S>[]>;
  /** One attempt, no key needed, any status: for asking whether a server is there and well. */
  probe(path: string): Promise<{ readonly status: number; readonly body: unknown }>;
};

/** The path of what was made, by its id. */
export type Reread = (resourceId: string) => string;

const attemptsMax = 5;
const waitMsMax = 5_000;
const requestTimeoutMs = 60_000;
/** How long the server is asked to hold a write before it answers 202. */
const preferredWaitSeconds = 30;
const operationTimeoutMs = 15 * 60_000;
const pageSize = 500;

type Request = {
  readonly method: string;
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly ifMatch?: number | undefined;
};
type Answer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

/** A client of one server. Every POST carries an Idempotency-Key, which is what makes trying again safe. */
export const clientOf = (connection: Connection): Client => {
  const call = async <S extends z.ZodType>(schema: S, request: Request, reread?: Reread): Promise<z.infer<S>> => {
    const answer = await attempt(connection, request);
    if (answer.status !== 202) return understood(schema, answer.body, request);
    const result = await concluded(connection, answer);
    const accepted = Accepted.safeParse(answer.body);
    if (reread === undefined || !accepted.success) return understood(schema, result, request);
    return call(schema, { method: 'GET', path: reread(accepted.data.resourceId) });
  };
  const get: Client['get'] = (schema, path, query = {}) => call(schema, { method: 'GET', path, query });
  return {
    connection,
    get,
    post: (schema, path, body, reread, ifMatch) => call(schema, { method: 'POST', path, body, ifMatch }, reread),
    patch: (schema, path, body) => call(schema, { method: 'PATCH', path, body }),
    delete: async (path, ifMatch) => {
      await call(z.unknown(), { method: 'DELETE', path, ifMatch });
    },
    all: async (item, path, query = {}, max = Number.POSITIVE_INFINITY) => {
      const page = z.looseObject({ items: z.array(item), nextCursor: z.string().nullish() });
      const items: z.infer<typeof item>[] = [];
      let cursor: string | undefined;
      do {
        const limit = Math.min(pageSize, max - items.length);
        const answer = await get(page, path, { ...query, limit, cursor });
        items.push(...answer.items);
        cursor = answer.nextCursor ?? undefined;
      } while (cursor !== undefined && items.length < max);
      return items;
    },
    whole: async (item, path) => (await get(z.looseObject({ items: z.array(item) }), path)).items,
    probe: async (path) => {
      const { status, body } = await send(connection, { method: 'GET', path }, randomUUID());
      return { status, body };
    },
  };
};

/** Sends until there is an answer that is not "try again later", a bounded number of times. */
const attempt = async (connection: Connection, request: Request): Promise<Answer> => {
  const idempotencyKey = randomUUID();
  for (let count = 1; ; count += 1) {
    const answer = await send(connection, request, idempotencyKey);
    if (answer.status < 400) return answer;
    const again = (answer.status === 503 || answer.status === 429) && count < attemptsMax;
    if (!again) throw refusalTo(connection, answer.status, answer.body);
    await wait(retryAfterMs(answer.headers, count));
  }
};

const retryAfterMs = (headers: Headers, count: number): number => {
  const seconds = Number(headers.get('retry-after'));
  const ms = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 250 * 2 ** (count - 1);
  return Math.min(ms, waitMsMax);
};

const send = async (connection: Connection, request: Request, idempotencyKey: string): Promise<Answer> => {
  const { server, key } = connection;
  const url = new URL(request.path.startsWith('/api/') ? request.path : withBase(request.path), server);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  try {
    const response = await fetch(url, {
      method: request.method,
      redirect: 'error',
      signal: AbortSignal.timeout(requestTimeoutMs),
      headers: {
        accept: 'application/json, application/problem+json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(request.method === 'POST' ? { 'idempotency-key': idempotencyKey } : {}),
        ...(request.ifMatch === undefined ? {} : { 'if-match': `"${request.ifMatch}"` }),
        ...(request.method === 'GET' ? {} : { prefer: `wait=${preferredWaitSeconds}` }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    return { status: response.status, headers: response.headers, body: bodyOf(await response.text()) };
  } catch (error) {
    throw unreachableServer(server, error);
  }
};

/** The probes of the server's own state stand beside the API, everything else below it. */
const withBase = (path: string): string => (['/livez', '/readyz', '/metrics'].includes(path) ? path : `/api/v1${path}`);

const bodyOf = (text: string): unknown => {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: /metrics, or some proxy's page. Whoever asked decides what that means.
    return text;
  }
};

/** One clear line for a server that gives no answer at all. */
export const unreachableServer = (server: string, error: unknown): CliError => {
  const reason = error instanceof Error && error.cause !== undefined ? codeOf(error.cause) : codeOf(error);
  const why = error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : reason;
  return new CliError(`cannot reach ${server} (${why}); start it with "npm start" or pass --server`, { cause: error });
};

const ProblemBody = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  code: z.string().optional(),
  correlationId: z.string().optional(),
  errors: z.array(Problem.partial()).optional(),
});

/** An RFC 9457 answer as the error the user sees. */
export const refusal = (status: number, body: unknown): CliError => {
  const parsed = ProblemBody.safeParse(body);
  if (!parsed.success) return new CliError(`the server answered ${status} without saying why`, { status });
  const { detail, title, errors = [], correlationId } = parsed.data;
  return new CliError(detail ?? title ?? `the server answered ${status}`, {
    status,
    problems: errors.map(({ path = '', code = '', message = '' }) => ({ path, code, message })),
    ...(correlationId === undefined ? {} : { correlationId }),
  });
};

/** The same, with what to do about the key where that is what was refused. */
export const refusalTo = (connection: Connection, status: number, body: unknown): CliError => {
  const error = refusal(status, body);
  if (status !== 401) return error;
  const { server, key, keySource, unstartedHome } = connection;
  if (unstartedHome !== undefined) {
    return reworded(
      error,
      `no Molthub has been started in ${unstartedHome} yet, and the one at ${server} wants a key; ${startOrName}`,
    );
  }
  const source = key === undefined ? `no key: ${keySource.replace(/^none: /, '')}` : `key from ${keySource}`;
  return reworded(error, `${error.message} (${source}); pass --key or set MOLTHUB_KEY`);
};

/** What to do where a home has no Molthub of its own. */
export const startOrName = 'start one with "npm start", or name another with MOLTHUB_HOME, or with --server and --key';

const understood = <S extends z.ZodType>(schema: S, body: unknown, request: Request): z.infer<S> => {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    path: issue.path.join('.'),
    code: issue.code,
    message: issue.message,
  }));
  throw new CliError(
    `the answer to ${request.method} ${request.path} is not what this molthub understands; is the server of the same version?`,
    { problems: problems.slice(0, 5) },
  );
};

const Accepted = z.looseObject({ resourceId: z.string() });
const Operation = z.looseObject({
  status: z.string(),
  result: z.unknown().optional(),
  problem: z
    .looseObject({ code: z.string().default(''), message: z.string(), errors: z.array(Problem).default([]) })
    .nullish(),
});

/** Waits for slow work that was answered with 202, and answers its result. */
const concluded = async (connection: Connection, accepted: Answer): Promise<unknown> => {
  const path = accepted.headers.get('location');
  if (path === null) return accepted.body;
  const start = Date.now();
  for (let waitMs = 200; ; waitMs = Math.min(waitMs * 1.5, 2_000)) {
    const { body } = await attempt(connection, { method: 'GET', path: new URL(path, connection.server).pathname });
    const operation = Operation.safeParse(body);
    if (!operation.success) return body;
    if (operation.data.status === 'DONE') return operation.data.result;
    if (operation.data.status !== 'PENDING') throw unfinished(operation.data);
    if (Date.now() - start > operationTimeoutMs) {
      throw new CliError(`the work goes on, longer than this command waits; look again at ${path}`);
    }
    await wait(waitMs);
  }
};

/** Only `REFUSED` is the server's no to what was asked; what failed or was forgotten has no status, and may be tried again. */
const unfinished = ({ status, problem }: z.infer<typeof Operation>): CliError => {
  const detail = problem?.message ?? `the work ended as ${status}`;
  const errors = problem?.errors ?? [];
  if (status !== 'REFUSED') return new CliError(detail, { problems: errors });
  return refusal(problem?.code.endsWith('version-mismatch') === true ? 412 : 409, { detail, errors });
};
