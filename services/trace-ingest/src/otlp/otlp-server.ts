// The door for telemetry: OTLP/HTTP 1.x. Source: opentelemetry-proto docs/specification.md.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IngestClaims } from '@molthub/ingest-token';
import { contentTypes, type Partial, statusBody, successBody } from './answer.ts';
import type { Redaction } from '../redact.ts';
import { redactionBy, type Rules } from '../redaction-rules.ts';
import { createBudget } from './budget.ts';
import { answerClientError } from './client-error.ts';
import { type Decoded, decodeSpans, type Encoding } from './decode-spans.ts';
import { bodyLimits, readBody } from './read-body.ts';
import { Refusal } from './refusal.ts';
import { checkShape, type OtherSignal } from './signal-shape.ts';

/** What is done with telemetry once it is read; each resolves when it is durable, or rejects with a `Refusal`. */
export type OtlpSink = {
  readonly claimsOf: (token: string | null) => Promise<IngestClaims>;
  /** What the sender's fleet wants taken out of its spans. */
  readonly rulesOf?: (claims: IngestClaims) => Rules | null;
  readonly storeSpans: (claims: IngestClaims, decoded: Decoded) => Promise<void>;
  readonly storeBody: (claims: IngestClaims, signal: OtherSignal, encoding: Encoding, body: Buffer) => Promise<void>;
  /** Until what waits is stored, in whole seconds; whoever is put off comes again then. Default 1. */
  readonly drainSeconds?: () => number;
  readonly answered: (signal: string, status: number) => void;
  readonly fault: (error: unknown) => void;
};

export type OtlpSettings = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Memory for the bodies of all requests together; beyond it 503, beyond half for one bot 429. Default 64 MiB. */
  readonly bodiesBytesMax?: number;
  /** After which a request that is still being sent is cut off; a third of it for the headers. Default 30 s. */
  readonly requestTimeoutMs?: number;
};

export type OtlpServer = { readonly url: string; readonly close: () => Promise<void> };

/** Listens, and resolves with the address. `close` takes no new requests and finishes those that run. */
export const startOtlpServer = async (settings: OtlpSettings, sink: OtlpSink): Promise<OtlpServer> => {
  const budget = createBudget(settings.bodiesBytesMax ?? 64 * 1024 * 1024);
  const requestTimeout = settings.requestTimeoutMs ?? 30_000;
  const limits = {
    maxHeaderSize: 16 * 1024,
    requestTimeout,
    headersTimeout: requestTimeout / 3,
    connectionsCheckingInterval: Math.min(1_000, requestTimeout / 3),
  };
  const server = createServer(limits, (request, response) => void answer(request, response));
  server.maxHeadersCount = 64;
  server.on('clientError', answerClientError);
  let closing = false;

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const encoding = encodingOf(request) ?? 'json';
    const signal = paths.get(pathOf(request)) ?? 'unknown';
    let [holder, taken] = ['', 0];
    if (closing) response.setHeader('connection', 'close');
    try {
      const took = (bytes: number) => {
        taken += bytes;
      };
      const partial = await receive(request, sink, ({ botId }, how) => {
        holder = botId;
        return readBody(request, how, { budget, holder, took, declared: declaredBytes(request) });
      });
      send(response, 200, encoding, successBody(encoding, partial));
      sink.answered(signal, 200);
    } catch (error) {
      if (!(error instanceof Refusal)) sink.fault(error);
      else if (error.status === 503 && error.cause !== undefined) sink.fault(error.cause);
      // Clients drop what is answered with 500, so that even a fault of ours is told as "later".
      const refusal =
        error instanceof Refusal ? error : new Refusal(503, 'This failed for a fault of ours; send again.');
      refuse(request, response, encoding, { refusal, retryAfterSeconds: sink.drainSeconds?.() ?? 1 });
      sink.answered(signal, refusal.status);
    } finally {
      budget.give(holder, taken);
    }
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(settings.port, settings.host, resolve);
  });
  const { port } = addressOf(server.address());
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return {
    url: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        closing = true;
        const deadline = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
        server.close(() => {
          clearTimeout(deadline);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
};

/** Longer no request takes that is being stored. */
const closeTimeoutMs = 5_000;

const paths = new Map<string, 'traces' | OtherSignal>([
  ['/v1/traces', 'traces'],
  ['/v1/metrics', 'metrics'],
  ['/v1/logs', 'logs'],
]);

const receive = async (
  request: IncomingMessage,
  sink: OtlpSink,
  read: (claims: IngestClaims, compression: 'identity' | 'gzip') => Promise<Buffer>,
): Promise<Partial> => {
  const signal = paths.get(pathOf(request));
  if (!signal) throw new Refusal(404, `Send telemetry to one of ${[...paths.keys()].join(', ')}.`);
  if (request.method !== 'POST') throw new Refusal(405, 'Send telemetry with POST.');
  const encoding = encodingOf(request);
  if (!encoding) throw new Refusal(415, `Content-Type must be ${contentTypes.protobuf} or ${contentTypes.json}.`);
  const compression = compressionOf(request);
  // Nothing of the body is read, let alone inflated, for somebody unknown.
  const token = tokenOf(request);
  const claims = await sink.claimsOf(token);
  if (declaredBytes(request) > bodyLimits.compressedBytesMax) {
    throw new Refusal(413, `A body has at most ${bodyLimits.compressedBytesMax} bytes.`);
  }
  const body = await read(claims, compression);
  if (signal === 'traces') {
    const decoded = await decodeSpans(body, encoding, { redaction: redactionOf(token, sink.rulesOf?.(claims)) });
    await sink.storeSpans(claims, decoded);
    return decoded;
  }
  await checkShape(signal, body, encoding);
  await sink.storeBody(claims, signal, encoding, body);
  return { rejected: 0, message: '' };
};

/** The sender's own token is a secret that Molthub knows. */
const redactionOf = (token: string | null, rules: Rules | null | undefined): Redaction => {
  const redactor = rules?.begin();
  return redactor ? { token, ...redactionBy(redactor) } : { token };
};

const pathOf = (request: IncomingMessage): string => (request.url ?? '').split('?', 1)[0] ?? '';

const declaredBytes = (request: IncomingMessage): number => Number(request.headers['content-length'] ?? 0);

const encodingOf = (request: IncomingMessage): Encoding | null => {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === contentTypes.json) return 'json';
  return type === contentTypes.protobuf || type === 'application/protobuf' ? 'protobuf' : null;
};

const compressionOf = (request: IncomingMessage): 'identity' | 'gzip' => {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'gzip' || encoding === 'identity') return encoding;
  throw new Refusal(415, 'Content-Encoding must be gzip or absent.');
};

const tokenOf = (request: IncomingMessage): string | null => {
  const bearer = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const own = request.headers['x-molthub-token'];
  return bearer ?? (typeof own === 'string' && own !== '' ? own.trim() : null);
};

const send = (response: ServerResponse, status: number, encoding: Encoding, body: Buffer) => {
  response.writeHead(status, { 'content-type': contentTypes[encoding], 'content-length': body.length }).end(body);
};

type Refused = { readonly refusal: Refusal; readonly retryAfterSeconds: number };

const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  encoding: Encoding,
  { refusal, retryAfterSeconds }: Refused,
) => {
  if (refusal.status === 401) response.setHeader('www-authenticate', 'Bearer');
  if (refusal.status === 405) response.setHeader('allow', 'POST');
  if (refusal.status === 415) response.setHeader('accept-encoding', 'gzip');
  if (refusal.status === 429 || refusal.status === 503) response.setHeader('retry-after', String(retryAfterSeconds));
  if (!request.complete) cutOff(request, response);
  send(response, refusal.status, encoding, statusBody(encoding, refusal.status, refusal.message));
};

/** Lets the sender read the answer, though it is still sending; what it sends meanwhile is dropped. */
const cutOff = (request: IncomingMessage, response: ServerResponse) => {
  response.setHeader('connection', 'close');
  request.on('error', () => undefined).resume();
  response.once('finish', () => {
    setTimeout(() => request.destroy(), 500).unref();
  });
};

const addressOf = (address: AddressInfo | string | null): AddressInfo => {
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return address;
};
