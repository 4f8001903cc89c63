// What an event said, fit for a record that many may read for years: no secrets, bounded in size and depth.
import { canonicalHash, masked } from '@molthub/manifest';

export const diffBytesMax = 16 * 1024;
const partBytesMax = 1024;

/** The data of an event with secret-looking values hidden, and with large parts replaced by their size and hash. */
export const redacted = (data: unknown): unknown => bounded(masked(data, '', clean));

/** Postgres keeps neither NUL nor half a surrogate pair in JSON; both become the replacement character. */
const clean = (text: string): string => text.toWellFormed().replaceAll('\u0000', '\uFFFD');

const bounded = (value: unknown): unknown => {
  const bytes = bytesOf(value);
  if (bytes <= diffBytesMax) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return omitted(value, bytes);
  const smaller = Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      bytesOf(part) > partBytesMax ? omitted(part, bytesOf(part)) : part,
    ]),
  );
  return bytesOf(smaller) <= diffBytesMax ? smaller : omitted(value, bytes);
};

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');

/** The hash is over what remains after hiding, so it tells nothing about a secret. */
const omitted = (value: unknown, bytes: number): unknown => ({ omittedBytes: bytes, hash: canonicalHash(value) });
