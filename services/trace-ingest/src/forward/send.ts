// Sends a request to another backend, and says what its answer means.
// Source: opentelemetry-proto docs/specification.md, "OTLP/HTTP Response".
import { z } from 'zod';
import { type Cursor, cursorOf, fieldOf, readInt64, readMessage, readTag, readText, skip } from '../otlp/protobuf.ts';
import { redact } from '../redact.ts';
import type { Backend } from './backend.ts';

export type Answer =
  /** It has them, but for `rejected` ones, which are not to be sent again. `message` may also be only a warning. */
  | { readonly status: 'taken'; readonly rejected: number; readonly message: string }
  /** To be sent again, not before so long where it said so. */
  | { readonly status: 'later'; readonly afterMs: number | null; readonly message: string }
  /** It will not have them. `isOfAll`: nor any others, as long as it is asked this way. */
  | { readonly status: 'refused'; readonly isOfAll: boolean; readonly message: string };

/** Takes a request in gzip. Throws only where `signal` aborts. */
export type Send = (zipped: Buffer, signal: AbortSignal) => Promise<Answer>;

const retryable = new Set([429, 502, 503, 504]);
/** Address, rights or method are wrong, whatever is in the body. */
const ofAll = new Set([401, 402, 403, 404, 405, 407]);
const answerBytesMax = 64 * 1024;

/** What its answers say has no value of our headers in it. */
export const createSend = (
  { url, headers }: Backend,
  { timeoutMs = 30_000, now = Date.now }: { readonly timeoutMs?: number; readonly now?: () => number } = {},
): Send => {
  // Of `Bearer <token>` the token alone is one, too.
  const secrets = Object.values(headers).flatMap((value) => [value, value.split(' ').at(-1) ?? '']);
  const clean = (text: string): string =>
    secrets
      .filter((secret) => secret.length >= 4)
      .reduce((shown, secret) => shown.replaceAll(secret, '[redacted]'), redact(text))
      .slice(0, 300);

  return async (zipped, signal) => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'user-agent': 'molthub',
          ...headers,
          'content-type': 'application/x-protobuf',
          'content-encoding': 'gzip',
        },
        body: new Uint8Array(zipped),
        // Whoever answers with a redirect would get our headers somewhere else.
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      const said = await read(response);
      const { status } = response;
      if (response.ok) return { status: 'taken', ...partialSuccess(response, said, clean) };
      const message = clean(`${status} ${messageIn(response, said)}`.trim());
      if (retryable.has(status)) return { status: 'later', afterMs: retryAfterMs(response, now()), message };
      const isRedirect = status >= 300 && status < 400;
      return { status: 'refused', isOfAll: isRedirect || ofAll.has(status), message };
    } catch (error) {
      if (signal.aborted) throw error;
      return { status: 'later', afterMs: null, message: clean(causesOf(error)) };
    }
  };
};

/** No more of an answer than anybody needs. */
const read = async (response: Response): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    bytes += part.length;
    if (bytes >= answerBytesMax) break;
  }
  return Buffer.concat(parts).subarray(0, answerBytesMax);
};

const causesOf = (error: unknown): string =>
  error instanceof Error
    ? [error.message, ...(error.cause === undefined ? [] : [causesOf(error.cause)])].join(': ')
    : String(error);

/** Seconds, or a date. A longer wait than this is cut short: it would be for nobody's good. */
const retryAfterMs = ({ headers }: Response, nowMs: number): number | null => {
  const said = headers.get('retry-after');
  if (said === null) return null;
  const ms = /^\d+$/.test(said) ? Number(said) * 1_000 : Date.parse(said) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), retryAfterMsMax);
};
const retryAfterMsMax = 600_000;

const typeOf = ({ headers }: Response): string => headers.get('content-type')?.split(';')[0]?.trim() ?? '';

const nothing = { rejected: 0, message: '' };
const Partial = z.object({
  partialSuccess: z
    .object({ rejectedSpans: z.coerce.number().default(0), errorMessage: z.string().default('') })
    .nullish(),
});

const partialSuccess = (response: Response, said: Buffer, clean: (text: string) => string) => {
  const found = readAs(response, said, {
    protobuf: (cursor) => {
      const partial = messageAt(cursor, 1);
      if (!partial) return nothing;
      const [counted, told] = [{ ...partial }, partial];
      return { rejected: Number(numberAt(counted, 1)), message: textAt(told, 2) };
    },
    json: (value) => {
      const { rejectedSpans = 0, errorMessage = '' } = Partial.parse(value).partialSuccess ?? {};
      return { rejected: rejectedSpans, message: errorMessage };
    },
  });
  // What it has taken it has taken, whatever else it says.
  return found === null ? nothing : { rejected: Math.max(0, found.rejected), message: clean(found.message) };
};

const Status = z.object({ message: z.string().default('') });

const messageIn = (response: Response, said: Buffer): string => {
  const location = response.headers.get('location');
  if (location !== null && response.status < 400) return `redirects to ${location}; redirects are not followed`;
  const found = readAs(response, said, {
    protobuf: (cursor) => textAt(cursor, 2),
    json: (value) => Status.parse(value).message,
  });
  return found ?? (typeOf(response).startsWith('text/plain') ? said.toString().trim() : '');
};

/** Null where it is of neither type, or not what its type says: then its status alone is what it answered. */
const readAs = <T>(
  response: Response,
  said: Buffer,
  how: { readonly protobuf: (cursor: Cursor) => T; readonly json: (value: unknown) => T },
): T | null => {
  try {
    if (typeOf(response) === 'application/x-protobuf') return how.protobuf(cursorOf(said));
    if (typeOf(response) === 'application/json' && said.length > 0) return how.json(JSON.parse(said.toString()));
    return null;
  } catch {
    return null;
  }
};

/** What `take` reads of the first such field; the rest of the cursor is not read. */
const fieldAt = <T>(cursor: Cursor, field: number, take: (cursor: Cursor) => T): T | null => {
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (fieldOf(tag) === field) return take(cursor);
    skip(cursor, tag);
  }
  return null;
};
const messageAt = (cursor: Cursor, field: number) => fieldAt(cursor, field, readMessage);
const textAt = (cursor: Cursor, field: number) => fieldAt(cursor, field, readText) ?? '';
const numberAt = (cursor: Cursor, field: number) => fieldAt(cursor, field, readInt64) ?? 0n;
