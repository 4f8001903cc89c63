// Text of a body → text of JSON in one pass over its bytes; what needs a closer look takes the way over a string.
import { isUtf8 } from 'node:buffer';
import { storable } from '../attribute-json.ts';
import type { Redaction } from '../redact.ts';
import { type ByteWriter, reserve, writeUtf8 } from './byte-writer.ts';
import { malformed } from './refusal.ts';
import { beyondAscii, escaped, kindOfByte, mayBeSecret, plain, suspicious } from './secret-bytes.ts';

/** How the texts of one body are treated, and how many of them and of other things were cut. */
export type Treatment = {
  readonly redaction: Redaction;
  /** Every text is to be looked through. */
  closely: boolean;
  cut: number;
};

/** Writes a text in quotes. Throws a 400 where it is not UTF-8. */
export const writeText = (
  out: ByteWriter,
  bytes: Buffer,
  start: number,
  end: number,
  charsMax: number,
  how: Treatment,
): void => {
  if (end - start <= charsMax && !how.closely && writePlain(out, bytes, start, end)) return;
  writeUtf8(out, JSON.stringify(cleanText(bytes, start, end, charsMax, how)));
};

const quote = 0x22;
const hex = Buffer.from('0123456789abcdef');
const shortEscapes: Uint8Array = new Uint8Array(128);
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
] as const) {
  shortEscapes[byte] = letter.charCodeAt(0);
}

/** Answers false, and has written nothing, where the text needs a closer look. */
const writePlain = (out: ByteWriter, from: Buffer, start: number, end: number): boolean => {
  reserve(out, 6 * (end - start) + 2);
  const { bytes } = out;
  let at = out.at;
  let isAscii = true;
  bytes[at++] = quote;
  for (let i = start; i < end; i++) {
    const byte = from[i] ?? 0;
    const kind = kindOfByte[byte];
    if (kind === plain) bytes[at++] = byte;
    else if (kind === beyondAscii) {
      isAscii = false;
      bytes[at++] = byte;
    } else if (kind === escaped) {
      bytes[at++] = 0x5c;
      const letter = shortEscapes[byte] ?? 0;
      if (letter !== 0) bytes[at++] = letter;
      else {
        bytes[at++] = 0x75;
        bytes[at++] = 0x30;
        bytes[at++] = 0x30;
        bytes[at++] = hex[byte >> 4] ?? 0;
        bytes[at++] = hex[byte & 15] ?? 0;
      }
    } else if (kind === suspicious && !mayBeSecret(from, start, i, end)) bytes[at++] = byte;
    else return false;
  }
  bytes[at++] = quote;
  if (!isAscii) expectUtf8(from, start, end);
  out.at = at;
  return true;
};

/** The text as it may be stored. Throws a 400 where it is not UTF-8. */
export const cleanText = (bytes: Buffer, start: number, end: number, charsMax: number, how: Treatment): string => {
  const text = decodeText(bytes, start, end);
  const clean = storable(text, charsMax, how.redaction);
  if (text.length > charsMax) how.cut += 1;
  return clean;
};

export const decodeText = (bytes: Buffer, start: number, end: number): string => {
  const text = bytes.toString('utf8', start, end);
  // Decoding puts U+FFFD for whatever is wrong; only text that has one needs a closer look.
  if (text.includes('\ufffd')) expectUtf8(bytes, start, end);
  return text;
};

/** Throws a 400 where the text between two places is not UTF-8. */
export const expectUtf8 = (bytes: Buffer, start: number, end: number) => {
  // A call costs more than a look at a few bytes.
  if (end - start < 32 && isAscii(bytes, start, end)) return;
  if (!isUtf8(bytes.subarray(start, end))) throw malformed(`The text at byte ${start} is not UTF-8.`);
};

const isAscii = (bytes: Buffer, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) if ((bytes[i] ?? 0) >= 0x80) return false;
  return true;
};

type Word = { readonly bytes: Buffer; readonly text: string };
const words: (Word | undefined)[] = Array.from({ length: 4_096 });
const wordBytesMax = 64;

/** As `cleanText`; short texts that come again and again, such as names of spans and models, are the same string. */
export const readWord = (bytes: Buffer, start: number, end: number, charsMax: number, how: Treatment): string => {
  const length = end - start;
  if (length === 0) return '';
  if (length > wordBytesMax || length > charsMax || how.closely) return cleanText(bytes, start, end, charsMax, how);
  const slot = slotOf(bytes, start, end) & (words.length - 1);
  const known = words[slot];
  if (known && isSame(known.bytes, bytes, start, end)) return known.text;
  const text = cleanText(bytes, start, end, charsMax, how);
  words[slot] = { bytes: Buffer.from(bytes.subarray(start, end)), text };
  return text;
};

/** FNV-1a. */
export const slotOf = (bytes: Buffer, start: number, end: number): number => {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
};

export const isSame = (known: Buffer, bytes: Buffer, start: number, end: number): boolean => {
  const { length } = known;
  if (length !== end - start) return false;
  for (let i = 0; i < length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
};
