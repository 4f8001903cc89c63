// Metrics and logs without the secrets that they came with: the same message written anew, text by text.
import { isSecretKey, isSecretOption } from '../named-secrets.ts';
import { redact } from '../redact.ts';
import type { Redactor } from '../redaction-rules.ts';
import type { Encoding } from '../otlp/decode-spans.ts';
import { createPace, type Pace } from '../otlp/pace.ts';
import { type Cursor, cursorOf, fieldOf, readBytes, readMessage, readTag, readText, skip } from '../otlp/protobuf.ts';
import { bytesOfValue, type Fields, fieldsOf, type Kind, type OtherSignal, rootOf } from '../otlp/signal-shape.ts';
import { redactJson } from './redact-json.ts';
import { cleanBytes, cleanBytesPiece, cleanPiece, cleanText, type How, pieceChars } from './redact-text.ts';

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
  const how: How = {
    clean: (text) => (more ? more.text(redact(text)) : redact(text)),
    isHidden: (key) => isSecretKey(key) || (more?.actionOf(key) ?? null) !== null,
    closely: more !== null,
    pace,
  };
  if (encoding === 'json') return redactJson(body, how);
  return rewriteInSlices(cursorOf(body), rootOf(signal), how);
};

/** Larger messages are rewritten field by field, so that they hold up nobody. */
const slicedAboveBytes = pieceChars;

const rewriteInSlices = async (message: Cursor, name: string, how: How): Promise<Buffer> => {
  const parts: Buffer[] = [];
  const fields = fieldsOf(name);
  const list = listOf(name, parts);
  while (message.at < message.end) {
    const start = message.at;
    const tag = readTag(message);
    const kind = fields[fieldOf(tag)];
    const isLong = typeof kind === 'object' || kind === 'text' || kind === bytesOfValue;
    const inner = isLong ? readMessage(message) : message;
    if (isLong && inner.end - inner.at > slicedAboveBytes) push(parts, tag, await rewriteLong(inner, kind, how));
    else {
      message.at = start;
      rewriteField(message, fields, parts, how);
    }
    list.added();
    if (how.pace.due(message.at - start)) await how.pace.rest();
  }
  return Buffer.concat(parts);
};

const rewriteLong = async (inner: Cursor, kind: Kind, how: How): Promise<Buffer> => {
  if (kind === bytesOfValue) return cleanBytes(inner.bytes.subarray(inner.at, inner.end), how);
  if (typeof kind !== 'object')
    return Buffer.from(await cleanText(inner.bytes.toString('utf8', inner.at, inner.end), how));
  const isHidden = kind.message === 'KeyValue' && how.isHidden(textOf(inner));
  return isHidden ? hiddenPair(inner, how) : rewriteInSlices(inner, kind.message, how);
};

const rewriteField = (cursor: Cursor, fields: Fields, parts: Buffer[], how: How): void => {
  const start = cursor.at;
  const tag = readTag(cursor);
  const kind = fields[fieldOf(tag)];
  if (kind === 'text') push(parts, tag, Buffer.from(cleanPiece(readText(cursor), how)));
  else if (typeof kind === 'object') {
    const message = readMessage(cursor);
    push(parts, tag, kind.message === 'KeyValue' ? rewritePair(message, how) : rewrite(message, kind.message, how));
  } else if (kind === bytesOfValue) push(parts, tag, cleanBytesPiece(readBytes(cursor), how));
  else {
    skip(cursor, tag);
    if (kind !== undefined) parts.push(cursor.bytes.subarray(start, cursor.at));
  }
};

const rewrite = (message: Cursor, name: string, how: How): Buffer => {
  const parts: Buffer[] = [];
  const fields = fieldsOf(name);
  const list = listOf(name, parts);
  while (message.at < message.end) {
    rewriteField(message, fields, parts, how);
    list.added();
  }
  return Buffer.concat(parts);
};

/** Hides the item of a list that one before it, such as `--token`, says is a secret. */
const listOf = (name: string, parts: Buffer[]) => {
  let isNextSecret = false;
  return {
    added: () => {
      const item = name === 'ArrayValue' ? parts.at(-1) : undefined;
      if (item === undefined) return;
      const text = textOf(cursorOf(item));
      if (isNextSecret && !text.startsWith('-')) parts.splice(-2, 2, varint(hiddenValue.length), hiddenValue);
      isNextSecret = isSecretOption(text);
    },
  };
};

const rewritePair = (message: Cursor, how: How): Buffer => {
  return how.isHidden(textOf(message)) ? hiddenPair(message, how) : rewrite(message, 'KeyValue', how);
};

const hiddenPair = (message: Cursor, how: How): Buffer => {
  const parts: Buffer[] = [];
  push(parts, keyTag, Buffer.from(how.clean(textOf(message))));
  push(parts, valueTag, hiddenValue);
  return Buffer.concat(parts);
};

const keyTag = 1 * 8 + 2;
const valueTag = 2 * 8 + 2;
/** The text that a message has as its first field, as keys and values do. */
const textOf = (message: Cursor): string => {
  const cursor = { ...message };
  let text = '';
  while (cursor.at < cursor.end) {
    const tag = readTag(cursor);
    if (tag === keyTag) text = readText(cursor);
    else skip(cursor, tag);
  }
  return text;
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
