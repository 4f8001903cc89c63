// Metrics and logs without the secrets that they came with: the same message written anew, text by text.
import { isSecretKey } from '../named-secrets.ts';
import { redact } from '../redact.ts';
import type { Redactor } from '../redaction-rules.ts';
import type { Encoding } from '../otlp/decode-spans.ts';
import { createPace, type Pace } from '../otlp/pace.ts';
import { type Cursor, cursorOf, fieldOf, readBytes, readMessage, readTag, readText, skip } from '../otlp/protobuf.ts';
import { bytesOfValue, type Fields, fieldsOf, type OtherSignal, rootOf } from '../otlp/signal-shape.ts';

// Of the language since 2025, and of Node; not yet of the compiler's library.
declare global {
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
}

/** What a fleet wants on top; its hashing of values is hiding here. */
type More = Pick<Redactor, 'text' | 'actionOf'> | null;

const hidden = '[redacted]';

/**
 * The body, whose shape was checked before, with every secret hidden. What is no field of OTLP is left out: nobody
 * could say what it holds. Takes time in slices.
 */
export const redactBody = async (
  { signal, encoding, body }: { readonly signal: OtherSignal; readonly encoding: Encoding; readonly body: Buffer },
  more: More = null,
  pace: Pace = createPace(),
): Promise<Buffer> => {
  const clean = (text: string) => (more ? more.text(redact(text)) : redact(text));
  const isHidden = (key: string) => isSecretKey(key) || (more?.actionOf(key) ?? null) !== null;
  if (encoding === 'json')
    return Buffer.from(JSON.stringify(redactJson(JSON.parse(body.toString(), exact), clean, isHidden)));
  const parts: Buffer[] = [];
  // Messages of one level of lists at a time, so that a large body holds up nobody.
  const fields = fieldsOf(rootOf(signal));
  const cursor = cursorOf(body);
  while (cursor.at < cursor.end) {
    if (pace.due(0)) await pace.rest();
    await rewriteOuter({ cursor, fields, level: 0 }, parts, { clean, isHidden, pace });
  }
  return Buffer.concat(parts);
};

type How = {
  readonly clean: (text: string) => string;
  readonly isHidden: (key: string) => boolean;
  readonly pace: Pace;
};

/** Resources, scopes, and the list of metrics or records: below them a message is small, or cut in the same slice. */
const outerLevels = 3;
type At = { readonly cursor: Cursor; readonly fields: Fields; readonly level: number };

const rewriteOuter = async ({ cursor, fields, level }: At, parts: Buffer[], how: How): Promise<void> => {
  const start = cursor.at;
  const tag = readTag(cursor);
  const kind = fields[fieldOf(tag)];
  if (typeof kind !== 'object' || level >= outerLevels || kind.message === 'Resource' || kind.message === 'Scope') {
    cursor.at = start;
    rewriteField(cursor, fields, parts, how);
    return;
  }
  const inner: Buffer[] = [];
  const message = readMessage(cursor);
  while (message.at < message.end) {
    if (how.pace.due(0)) await how.pace.rest();
    await rewriteOuter({ cursor: message, fields: fieldsOf(kind.message), level: level + 1 }, inner, how);
  }
  push(parts, tag, Buffer.concat(inner));
};

const rewriteField = (cursor: Cursor, fields: Fields, parts: Buffer[], how: How): void => {
  const start = cursor.at;
  const tag = readTag(cursor);
  const kind = fields[fieldOf(tag)];
  if (kind === 'text') push(parts, tag, Buffer.from(how.clean(readText(cursor))));
  else if (typeof kind === 'object') {
    const message = readMessage(cursor);
    push(parts, tag, kind.message === 'KeyValue' ? rewritePair(message, how) : rewrite(message, kind.message, how));
  } else if (kind === bytesOfValue) push(parts, tag, cleanBytes(readBytes(cursor), how.clean));
  else {
    skip(cursor, tag);
    if (kind !== undefined) parts.push(cursor.bytes.subarray(start, cursor.at));
  }
};

/** Bytes may be a text that holds a secret; those that are none stay as they are. */
const cleanBytes = (bytes: Buffer, clean: How['clean']): Buffer => {
  const text = bytes.toString('latin1');
  const cleaned = clean(text);
  return cleaned === text ? bytes : Buffer.from(cleaned, 'latin1');
};

const rewrite = (message: Cursor, name: string, how: How): Buffer => {
  const parts: Buffer[] = [];
  const fields = fieldsOf(name);
  while (message.at < message.end) rewriteField(message, fields, parts, how);
  return Buffer.concat(parts);
};

const rewritePair = (message: Cursor, how: How): Buffer => {
  if (!how.isHidden(keyOf(message))) return rewrite(message, 'KeyValue', how);
  const parts: Buffer[] = [];
  push(parts, keyTag, Buffer.from(how.clean(keyOf(message))));
  push(parts, valueTag, hiddenValue);
  return Buffer.concat(parts);
};

const keyTag = 1 * 8 + 2;
const valueTag = 2 * 8 + 2;
const keyOf = (message: Cursor): string => {
  const cursor = { ...message };
  let key = '';
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === keyTag) key = readText(cursor);
    else skip(cursor, tag);
  }
  return key;
};

const push = (parts: Buffer[], tag: number, content: Buffer) =>
  parts.push(varint(tag), varint(content.length), content);

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 0x80);
  return Buffer.from([...bytes, rest]);
};

const hiddenParts: Buffer[] = [];
push(hiddenParts, 1 * 8 + 2, Buffer.from(hidden));
const hiddenValue = Buffer.concat(hiddenParts);

/** Numbers stay the digits that they came as: JSON's are of any size, JavaScript's are not. */
const exact = (_key: string, value: unknown, { source }: { readonly source?: string }): unknown =>
  typeof value === 'number' && source !== undefined ? JSON.rawJSON(source) : value;

const redactJson = (value: unknown, clean: How['clean'], isHidden: How['isHidden']): unknown => {
  if (typeof value === 'string') return clean(value);
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => redactJson(item, clean, isHidden));
  const isPair = 'key' in value && typeof value.key === 'string' && isHidden(value.key);
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => {
      const shown =
        isPair && key === 'value'
          ? { stringValue: hidden }
          : key === 'bytesValue' && typeof held === 'string'
            ? cleanBytes(Buffer.from(held, 'base64'), clean).toString('base64')
            : redactJson(held, clean, isHidden);
      return [clean(key), shown];
    }),
  );
};
