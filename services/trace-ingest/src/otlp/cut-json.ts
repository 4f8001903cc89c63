// Ends a value of JSON before its end, where it has more bytes than there is room for.
import { type ByteWriter, writeByte } from './byte-writer.ts';

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
/** A text that is cut ends in an ellipsis, which has three bytes, and its quote. */
const ellipsis = Buffer.from('…"');

/**
 * Cuts the value that was written from `from` on so that it ends at `endMax` at the latest, as JSON: a text ends in an
 * ellipsis, lists and objects have fewer members. Answers false where there is not even room for that.
 */
export const cutJson = (out: ByteWriter, from: number, endMax: number): boolean => {
  const { bytes } = out;
  const closers: number[] = [];
  // Up to here the value may stay, once what is open is closed.
  let end = -1;
  let open: readonly number[] = [];
  let isKey = false;
  const fits = (at: number) => at + closers.length <= endMax;
  const noteEnd = (at: number) => {
    end = at;
    open = [...closers];
  };
  for (let at = from; fits(at); at++) {
    const byte = bytes[at];
    if (byte === quote) {
      const cut = cutText(bytes, at, endMax - closers.length);
      if (cut.isWhole) at = cut.end - 1;
      else if (isKey || cut.end < 0) break;
      else {
        ellipsis.copy(bytes, cut.end);
        noteEnd(cut.end + ellipsis.length);
        break;
      }
    } else if (byte === openBrace || byte === openBracket) {
      closers.push(byte === openBrace ? closeBrace : closeBracket);
      isKey = byte === openBrace;
      if (fits(at + 1)) noteEnd(at + 1);
    } else if (byte === comma) {
      noteEnd(at);
      isKey = closers.at(-1) === closeBrace;
    } else if (byte === colon) isKey = false;
    else if (byte === closeBrace || byte === closeBracket) closers.pop();
  }
  if (end < 0) return false;
  out.at = end;
  for (const closer of open.toReversed()) writeByte(out, closer);
  return true;
};

/** Where the text that begins at `start` ends, or could be cut to end before `endMax`; less than 0 where it could not. */
const cutText = (bytes: Buffer, start: number, endMax: number): { readonly isWhole: boolean; readonly end: number } => {
  const cutMax = endMax - ellipsis.length;
  let cut = -1;
  for (let at = start + 1; at < endMax; ) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) return { isWhole: true, end: at + 1 };
    // Between characters only: neither inside of an escape nor of UTF-8.
    if (at <= cutMax && (byte & 0xc0) !== 0x80) cut = at;
    at += byte !== backslash ? 1 : bytes[at + 1] === 0x75 ? 6 : 2;
  }
  return { isWhole: false, end: cut };
};
