// What an event said, fit for a record that many may read for years: no secrets, bounded in size and depth.
import { canonicalHash, isLiteralSecret, isSecretName } from '@molthub/manifest';

export const diffBytesMax = 16 * 1024;
const partBytesMax = 1024;
const depthMax = 40;
const hidden = '[redacted]';

/** The data of an event with secret-looking values hidden, and with large parts replaced by their size and hash. */
export const redacted = (data: unknown): unknown => bounded(masked(data, '', 0, false));

const masked = (value: unknown, name: string, depth: number, secret: boolean): unknown => {
  if (typeof value === 'string') return secret && value !== '' ? hidden : maskedText(value, name);
  if (typeof value !== 'object' || value === null) return secret && typeof value === 'number' ? hidden : value;
  if (depth >= depthMax) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => masked(item, name, depth + 1, secret));
  // A reference names where a secret is kept; what is not a reference below a secret's name is hidden as a whole.
  const below = secret && !('provider' in value);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      clean(key),
      masked(item, key, depth + 1, below || holdsSecrets(key, item)),
    ]),
  );
};

/** `secrets: { OPENAI: 'sk-…' }` and `token: 1234`: the name says it, whatever the values look like. */
const holdsSecrets = (key: string, item: unknown): boolean =>
  typeof item === 'object'
    ? /(?:secrets|passwords|credentials|tokens)$/i.test(key) || isSecretName(key)
    : isSecretName(key);

const maskedText = (text: string, name: string): string =>
  text.length > 3 && isLiteralSecret(text, name) ? hidden : clean(text);

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
