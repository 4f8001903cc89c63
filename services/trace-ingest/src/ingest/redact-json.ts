// Metrics and logs in JSON without the secrets that they came with: whatever holds none stays as it is to the byte.
import { isSecretOption } from '../named-secrets.ts';
import { createWriter, writeBytes, written } from '../otlp/byte-writer.ts';
import type { Pace } from '../otlp/pace.ts';
import { malformed } from '../otlp/refusal.ts';
import { mayHoldSecret } from '../otlp/secret-bytes.ts';
import { endOfString, parseJson } from '../otlp/split-json.ts';
import {
  cleanBytes,
  cleanBytesPiece,
  cleanPiece,
  cleanText,
  type How,
  isLowSurrogate,
  pieceChars,
} from './redact-text.ts';

/** What takes the place of a part of the body. */
type Edit = { readonly from: number; readonly to: number; readonly by: Buffer };
type Span = { readonly from: number; readonly to: number };

/** An object or a list that has not ended yet. */
type Open = {
  readonly from: number;
  readonly isList: boolean;
  /** Of the member at hand. */
  name: string;
  isNameNext: boolean;
  /** Of an attribute: its key says so; `values` are those that it had before its key. */
  isSecret: boolean;
  readonly values: Span[];
  /** The text that a value is. */
  text: string;
  /** Of a list: the item before this one says so. */
  isNextSecret: boolean;
};

const hiddenValue = Buffer.from('{"stringValue":"[redacted]"}');
const [quote, comma, colon] = [0x22, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Goes once over the bytes of a body that was checked to be JSON, in slices of time. */
export const redactJson = async (body: Buffer, how: How): Promise<Buffer> => {
  const edits: Edit[] = [];
  const open: Open[] = [];
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0;
    const inner = open.at(-1);
    const from = at;
    if (byte === quote) {
      at = endOfString(body, at + 1);
      if (how.pace.due(at - from)) await how.pace.rest();
      const place = { from, to: at + 1 };
      const edit = at - from > pieceChars ? await editLong(body, place, inner, how) : editText(body, place, inner, how);
      if (edit) edits.push(edit);
      if (inner && !inner.isNameNext) valueEnded(inner, { from, to: at + 1 }, null, edits);
    } else if (byte === openBrace || byte === openBracket) {
      open.push(opened(at, byte === openBracket));
    } else if (byte === closeBrace || byte === closeBracket) {
      const closed = open.pop();
      const outer = open.at(-1);
      if (closed && outer) valueEnded(outer, { from: closed.from, to: at + 1 }, closed, edits);
    } else if (byte === comma) {
      if (inner) inner.isNameNext = !inner.isList;
    } else if (byte === colon) {
      if (inner) inner.isNameNext = false;
    } else if (byte > 0x20) {
      while (at + 1 < body.length && isOfWord(body[at + 1] ?? 0)) at += 1;
      if (inner) valueEnded(inner, { from, to: at + 1 }, null, edits);
    }
    if (how.pace.due(0)) await how.pace.rest();
  }
  return applied(body, edits, how.pace);
};

const opened = (from: number, isList: boolean): Open => ({
  from,
  isList,
  name: '',
  isNameNext: !isList,
  isSecret: false,
  values: [],
  text: '',
  isNextSecret: false,
});

/** Of a number, or of `true`, `false` and `null`. */
const isOfWord = (byte: number): boolean =>
  byte > 0x20 && byte !== comma && byte !== closeBrace && byte !== closeBracket && byte !== quote;

const valueEnded = (inner: Open, place: Span, closed: Open | null, edits: Edit[]): void => {
  if (inner.isList) {
    // `--token` and its value, as in `process.command_args`.
    const text = closed?.text ?? '';
    if (inner.isNextSecret && !text.startsWith('-')) hide(place, edits);
    inner.isNextSecret = isSecretOption(text);
  } else if (inner.name === 'value') {
    if (inner.isSecret) hide(place, edits);
    else inner.values.push(place);
  } else if (inner.name === 'key' && inner.isSecret) {
    for (const value of inner.values.splice(0)) hide(value, edits);
  }
};

const hide = ({ from, to }: Span, edits: Edit[]): void => {
  const behind: Edit[] = [];
  for (let last = edits.at(-1); last && last.from >= from; last = edits.at(-1)) {
    edits.pop();
    if (last.from >= to) behind.push(last);
  }
  edits.push({ from, to, by: hiddenValue }, ...behind.reverse());
};

/** The text at a place without its secrets, or null where it has none. */
const editText = (body: Buffer, place: Span, inner: Open | undefined, how: How): Edit | null => {
  const { from, to } = place;
  const name = nameAt(inner);
  const isEscaped = body.subarray(from, to).includes(0x5c);
  const isBytes = name === 'bytesValue';
  const mayHold = how.closely || isBytes || isEscaped || mayHoldSecret(body, from + 1, to - 1);
  if (!mayHold && !tells.has(name)) return null;
  const text = textOf(body, from, to, isEscaped);
  note(inner, text, how);
  if (!mayHold) return null;
  const bytes = Buffer.from(isBytes ? text : '', 'base64');
  return edited(place, isBytes ? bytes : text, isBytes ? cleanBytesPiece(bytes, how) : cleanPiece(text, how));
};

/** The same in slices of time: reading and writing a long text takes one each. */
const editLong = async (body: Buffer, place: Span, inner: Open | undefined, how: How): Promise<Edit | null> => {
  const text = textOf(body, place.from, place.to, body.subarray(place.from, place.to).includes(0x5c));
  const isBytes = nameAt(inner) === 'bytesValue';
  note(inner, text, how);
  const bytes = Buffer.from(isBytes ? text : '', 'base64');
  await how.pace.rest();
  const clean = isBytes ? await cleanBytes(bytes, how) : await cleanText(text, how);
  await how.pace.rest();
  if (clean === (isBytes ? bytes : text)) return null;
  await how.pace.rest();
  return { ...place, by: await quoted(clean, how.pace) };
};

/** Three bytes are four letters of base64: what is cut there is the same as the whole. */
const quotedAtOnce = 3 * pieceChars;

/** As JSON, in slices of time. */
const quoted = async (clean: Buffer | string, pace: Pace): Promise<Buffer> => {
  const parts = [quoteMark];
  for (let from = 0; from < clean.length; ) {
    const to = Math.min(from + quotedAtOnce, clean.length);
    if (typeof clean === 'string') {
      const end = isLowSurrogate(clean, to) ? to - 1 : to;
      parts.push(Buffer.from(JSON.stringify(clean.slice(from, end)).slice(1, -1)));
      from = end;
    } else {
      parts.push(Buffer.from(clean.toString('base64', from, to)));
      from = to;
    }
    if (pace.due(quotedAtOnce)) await pace.rest();
  }
  return Buffer.concat([...parts, quoteMark]);
};
const quoteMark = Buffer.from('"');

/** Of the member whose value a text is; a name of a member has none. */
const nameAt = (inner: Open | undefined): string | null =>
  inner === undefined || inner.isNameNext ? null : inner.name;
/** Texts by which others are judged. */
const tells: ReadonlySet<string | null> = new Set([null, 'key', 'stringValue']);

const note = (inner: Open | undefined, text: string, how: How): void => {
  if (inner === undefined) return;
  if (inner.isNameNext) inner.name = text;
  else if (inner.name === 'key') inner.isSecret ||= how.isHidden(text);
  else if (inner.name === 'stringValue') inner.text = text;
};

const edited = (place: Span, before: Buffer | string, clean: Buffer | string): Edit | null => {
  if (clean === before) return null;
  return { ...place, by: Buffer.from(JSON.stringify(typeof clean === 'string' ? clean : clean.toString('base64'))) };
};

const textOf = (body: Buffer, from: number, to: number, isEscaped: boolean): string => {
  if (!isEscaped) return body.toString('utf8', from + 1, to - 1);
  const text = parseJson(body.subarray(from, to));
  if (typeof text !== 'string') throw malformed(`The text at byte ${from} is not JSON.`);
  return text;
};

const applied = async (body: Buffer, edits: readonly Edit[], pace: Pace): Promise<Buffer> => {
  if (edits.length === 0) return body;
  const size = edits.reduce((sum, { from, to, by }) => sum + by.length - (to - from), body.length);
  await pace.rest();
  const out = createWriter(size);
  let copied = 0;
  for (const { from, to, by } of edits) {
    writeBytes(out, body, copied, from);
    writeBytes(out, by);
    copied = to;
    if (pace.due(to - from)) await pace.rest();
  }
  writeBytes(out, body, copied);
  return written(out);
};
