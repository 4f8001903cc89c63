// The Fastify app that every HTTP door of Molthub is made with: strict input, problem+json, bounded everything.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '@molthub/telemetry';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { HttpProblem, problemBody } from './problem.ts';
import { parseStrictJson } from './strict-json.ts';

export type App = FastifyInstance;

export type AppSettings = {
  readonly logger: Logger;
  /** Turns what is thrown behind the door into a problem; undefined means a fault of ours, told as 500. */
  readonly translate: (error: unknown) => HttpProblem | undefined;
  /** Told of every request that got a problem as its answer. */
  readonly refused: (request: FastifyRequest, problem: HttpProblem) => void;
  readonly bodyBytesMax: number;
  /** A request that is not here by then is cut, so that nobody holds a connection with a byte per second. */
  readonly requestTimeoutMs?: number;
};

const headersMax = 64;
const headerBytesMax = 16 * 1024;
const urlLengthMax = 8 * 1024;
const depthMax = 32;

const bodyHashes = new WeakMap<FastifyRequest, string>();
/** SHA-256 (hex) of the body as it came. */
export const hashOfBody = (request: FastifyRequest): string => bodyHashes.get(request) ?? emptyHash;
const emptyHash = createHash('sha256').digest('hex');

/** An app without routes. `trustProxy` is off: an address is that of the peer, whatever headers say. */
export const createApp = (settings: AppSettings): App => {
  const app = fastify({
    logger: false,
    bodyLimit: settings.bodyBytesMax,
    requestTimeout: settings.requestTimeoutMs ?? 10_000,
    trustProxy: false,
    exposeHeadRoutes: false,
    return503OnClosing: true,
    http: { maxHeaderSize: headerBytesMax, insecureHTTPParser: false },
    genReqId: correlationIdOf,
    clientErrorHandler: answerUnparsed,
    frameworkErrors: (error, request, reply) => void answer(asProblem(error, settings), request, reply, settings),
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, maxParamLength: 512 },
  });
  takeStrictJson(app);
  app.setErrorHandler((error, request, reply) => answer(asProblem(error, settings), request, reply, settings));
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-correlation-id', request.id);
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    done(limitsOf(request));
  });
  return app;
};

/** What is no HTTP request has no route and no reply; its sender is told all the same, and cut. */
const answerUnparsed = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = unparsedProblem(error.code);
  const body = JSON.stringify(problemBody(problem, randomUUID()));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
};

const unparsedProblem = (code: string | undefined): HttpProblem => {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const detail = `The headers are larger than ${headerBytesMax / 1024} KiB.`;
    return new HttpProblem({ status: 431, code: 'gateway.headers-too-large', detail });
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new HttpProblem({
      status: 408,
      code: 'gateway.request-timeout',
      detail: 'The request took too long to arrive.',
    });
  }
  return new HttpProblem({ status: 400, code: 'gateway.malformed-request', detail: 'This is no HTTP request.' });
};

const limitsOf = (request: FastifyRequest): HttpProblem | undefined => {
  if (request.raw.rawHeaders.length / 2 > headersMax) {
    return new HttpProblem({
      status: 431,
      code: 'gateway.too-many-headers',
      detail: `Send ${headersMax} headers at most.`,
    });
  }
  if (request.raw.url && request.raw.url.length > urlLengthMax) {
    return new HttpProblem({
      status: 414,
      code: 'gateway.url-too-long',
      detail: `The URL may take ${urlLengthMax} characters.`,
    });
  }
  return undefined;
};

/** A caller's own correlation id, where it is harmless in logs and headers; else a new one. */
const correlationIdOf = (raw: IncomingMessage): string => {
  const given = raw.headers['x-correlation-id'];
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
};

/** The caller's trace context (W3C), bounded by its form; a new one that is not sampled where there is none. */
export const traceparentOf = (request: FastifyRequest): string => {
  const given = request.headers['traceparent'];
  return typeof given === 'string' && /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(given)
    ? given
    : `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** JSON is the only body there is, and only in UTF-8. */
const takeStrictJson = (app: App) => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      bodyHashes.set(request, createHash('sha256').update(bytes).digest('hex'));
      done(null, bytes.length === 0 ? undefined : parseStrictJson(textOf(request, bytes), { depthMax }));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
};

const textOf = (request: FastifyRequest, bytes: Buffer): string => {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i.test(type)) throw unsupported();
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new HttpProblem({
      status: 400,
      code: 'gateway.malformed-json',
      detail: 'The body is not UTF-8.',
      cause: error,
    });
  }
};

const unsupported = () =>
  new HttpProblem({
    status: 415,
    code: 'gateway.unsupported-media-type',
    detail: 'Send the body as application/json in UTF-8.',
  });

const isFastifyError = (error: unknown): error is FastifyError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('FST_');

const asProblem = (error: unknown, settings: AppSettings): HttpProblem => {
  if (error instanceof HttpProblem) return error;
  if (isFastifyError(error)) {
    const known = knownFaults[error.code];
    if (known) return known();
    if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
      return new HttpProblem({
        status: 400,
        code: 'gateway.malformed-request',
        detail: 'The request is malformed.',
        cause: error,
      });
    }
  }
  return (
    settings.translate(error) ??
    new HttpProblem({
      status: 500,
      code: 'gateway.internal-error',
      detail: 'Something went wrong here; the log has the reason under this correlation id.',
      cause: error,
    })
  );
};

const knownFaults: Readonly<Record<string, () => HttpProblem>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: unsupported,
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new HttpProblem({
      status: 413,
      code: 'gateway.body-too-large',
      detail: 'The body is larger than the limit of 1 MiB; send less at once.',
    }),
  FST_ERR_BAD_URL: () =>
    new HttpProblem({
      status: 400,
      code: 'gateway.malformed-url',
      detail: 'The path is not properly percent-encoded.',
    }),
};

const answer = async (problem: HttpProblem, request: FastifyRequest, reply: FastifyReply, settings: AppSettings) => {
  if (problem.status >= 500) {
    settings.logger.error(
      { err: problem.cause ?? problem, correlationId: request.id, code: problem.code },
      'a request failed',
    );
  }
  settings.refused(request, problem);
  return reply
    .code(problem.status)
    .headers({ 'x-correlation-id': request.id, ...problem.headers })
    .type('application/problem+json')
    .send(JSON.stringify(problemBody(problem, request.id)));
};
