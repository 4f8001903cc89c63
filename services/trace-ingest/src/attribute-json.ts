// Attributes → the JSON text of one flat object, bounded, without secrets, and fit for a jsonb column.
import { isSecretKey, redact, redactedValue } from './redact.ts';
import type { Attributes, Value } from './otlp/wire-span.ts';

export const attributesMax = 256;
export const keyCharsMax = 256;
export const valueCharsMax = 32_768;

/** Text as Postgres takes it: no NUL, no half surrogate, no secret, at most `charsMax` (marked where it was cut). */
export const storable = (text: string, charsMax: number): string => {
  // A secret is recognised whole before the cut goes through it; what is far behind the cut costs nothing.
  const clean = redact(text.length > charsMax ? text.slice(0, charsMax + secretCharsMax) : text);
  const cut = clean.length > charsMax ? `${clean.slice(0, charsMax - 1)}…` : clean;
  return cut.includes('\0') || !cut.isWellFormed() ? cut.replaceAll('\0', '').toWellFormed() : cut;
};
const secretCharsMax = 4096;

/**
 * One JSON object. Integers beyond 2^53 and numbers that JSON has no form for become text, bytes base64. More than
 * 256 attributes, keys longer than 256 and texts longer than 32,768 characters are cut. Keys are only ever written,
 * never used to reach into an object, so `__proto__` is a key like any other.
 */
export const attributeJson = (attributes: Attributes): string => {
  let json = '{';
  let count = 0;
  for (const [key, value] of attributes) {
    if (++count > attributesMax) break;
    if (json.length > 1) json += ',';
    json += keyJson(key) + (isSecretKey(key) && value !== null ? redactedValue : valueJson(value));
  }
  return `${json}}`;
};

const valueJson = (value: Value): string => {
  if (typeof value === 'string') return JSON.stringify(storable(value, valueCharsMax));
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value === 'bigint') return BigInt.asIntN(54, value) === value ? String(value) : `"${value}"`;
  if (Buffer.isBuffer(value)) return `"${value.subarray(0, valueCharsMax / 2).toString('base64')}"`;
  if (isList(value)) return `[${value.slice(0, attributesMax).map(valueJson).join(',')}]`;
  return attributeJson(value);
};

const isList = (value: readonly Value[] | Attributes): value is readonly Value[] => Array.isArray(value);

/** Bots use the same few keys again and again; whoever uses others only fills this to its bound. */
const keys = new Map<string, string>();
const keysMax = 4096;

const keyJson = (key: string): string => {
  const known = keys.get(key);
  if (known) return known;
  const json = `${JSON.stringify(storable(key, keyCharsMax))}:`;
  if (keys.size >= keysMax) keys.clear();
  if (key.length <= keyCharsMax) keys.set(key, json);
  return json;
};
