// JSON as strict as what comes after it needs: bounded depth, each key once, nothing that Postgres or a signature trips on.
import { HttpProblem } from './problem.ts';

/** Keys that reach an object's prototype when something later merges it. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);
const keyLengthMax = 1_024;
/** Values of one body: what comes after looks at each of them several times, and must not hold others up for it. */
const valuesMax = 20_000;

const malformed = (detail: string, cause?: unknown) =>
  new HttpProblem({ status: 400, code: 'gateway.malformed-json', detail, cause });

/**
 * Parses JSON text (RFC 8259). Refused with 400: more than `depthMax` levels (default 32; looked at before anything
 * recursive touches the text), more than 20,000 values (empty lists and objects count twice), a key twice in one
 * object, `__proto__`, `constructor` or `prototype` as a key, numbers that no double holds, NUL and lone surrogates in
 * strings, a byte order mark.
 */
export const parseStrictJson = (text: string, { depthMax = 32 }: { readonly depthMax?: number } = {}): unknown => {
  const suspect = scan(text, depthMax);
  const value = parse(text);
  // Keys are told last: only in a well-formed text is it sure what is a key.
  if (suspect) throw malformed(suspect);
  check(value);
  return value;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the text, which may hold a secret; the place is enough.
    const at = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    throw malformed(`The body is not valid JSON${at ? ` near character ${at}` : ''}.`);
  }
};

/** One frame per open bracket: an object's keys so far, or null for an array. */
type Frame = { readonly keys: Set<string>; expectsKey: boolean } | null;

/** Goes over the text once, without recursion; throws for its depth, answers what is wrong with its keys. */
const scan = (text: string, depthMax: number): string | undefined => {
  const frames: Frame[] = [];
  let suspect: string | undefined;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    const frame = frames.at(-1);
    switch (text.charAt(at)) {
      case '{':
        values += 1;
        frames.push({ keys: new Set(), expectsKey: true });
        break;
      case '[':
        values += 1;
        frames.push(null);
        break;
      case '}':
      case ']':
        frames.pop();
        break;
      case ',':
        values += 1;
        if (frame) frame.expectsKey = true;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (frame?.expectsKey) {
          frame.expectsKey = false;
          suspect ??= suspicion(frame.keys, text.slice(at, end + 1));
        }
        at = end;
        break;
      }
      default:
    }
    if (values > valuesMax) throw malformed(`The body holds more than ${valuesMax} values; send less at once.`);
    if (frames.length > depthMax) throw malformed(`The body is nested deeper than ${depthMax} levels.`);
  }
  return suspect;
};

const endOfString = (text: string, start: number): number => {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
};

/** Notes a key; answers why it is refused, if it is. A key that is not even a string is for the parser to refuse. */
const suspicion = (keys: Set<string>, token: string): string | undefined => {
  const key = token.includes('\\') ? decoded(token) : token.slice(1, -1);
  if (key.length > keyLengthMax) return `A key is longer than ${keyLengthMax} characters.`;
  if (forbiddenKeys.has(key)) return `The key '${key}' is not allowed.`;
  if (keys.has(key)) return `The key '${printable(key)}' stands twice in one object; say it once.`;
  keys.add(key);
  return undefined;
};

const decoded = (token: string): string => {
  try {
    return String(JSON.parse(token));
  } catch {
    return token;
  }
};

const printable = (key: string): string => key.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');

// Recursion is safe here: the depth is bounded.
const check = (value: unknown): void => {
  if (typeof value === 'string') return checkText(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw malformed('A number is too large to be held.');
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const inner of value) check(inner);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    checkText(key);
    check(inner);
  }
};

const checkText = (text: string): void => {
  if (text.includes('\u0000')) throw malformed('Text must not hold the character NUL (\\u0000).');
  if (!text.isWellFormed()) throw malformed('Text holds half of a surrogate pair, which is no character.');
};
