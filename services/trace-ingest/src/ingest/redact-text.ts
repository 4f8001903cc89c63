// A text of metrics or logs, of any length, without its secrets.
import type { Pace } from '../otlp/pace.ts';
import { mayHoldSecret } from '../otlp/secret-bytes.ts';
import { redact } from '../redact.ts';

export type How = {
  readonly clean: (text: string) => string;
  readonly isHidden: (key: string) => boolean;
  /** Its fleet has rules of its own, so that every text is looked through. */
  readonly closely: boolean;
  readonly pace: Pace;
};

/** Longer texts are looked through piece by piece. */
export const pieceChars = 64 * 1024;

/** Takes time in slices. */
export const cleanText = async (text: string, how: How): Promise<string> => {
  if (text.length <= pieceChars) return cleanPiece(text, how);
  const parts: string[] = [];
  for (let from = 0; from < text.length; ) {
    const to = endOfPiece(text, from);
    parts.push(cleanPiece(text.slice(from, to), how));
    from = to;
    if (how.pace.due(pieceChars)) await how.pace.rest();
  }
  return parts.join('');
};

/** Bytes may be a text that holds a secret; those that are none stay as they are. */
export const cleanBytes = async (bytes: Buffer, how: How): Promise<Buffer> => {
  const text = bytes.toString('latin1');
  return bytesOf(bytes, text, await cleanText(text, how));
};
export const cleanBytesPiece = (bytes: Buffer, how: How): Buffer => {
  const text = bytes.toString('latin1');
  return bytesOf(bytes, text, cleanPiece(text, how));
};
const bytesOf = (bytes: Buffer, text: string, clean: string) => (clean === text ? bytes : Buffer.from(clean, 'latin1'));

/** A text that is not long. */
export const cleanPiece = (text: string, { clean, closely }: How): string => {
  const bytes = Buffer.from(text);
  return closely || mayHoldSecret(bytes, 0, bytes.length) ? clean(text) : text;
};

/** Between words where there are any, so that patterns of a fleet see them whole. */
const endOfPiece = (text: string, from: number): number => {
  for (let piece = pieceChars; from + piece < text.length; piece += pieceChars) {
    for (let back = 0; back < pieceChars; back += nearChars) {
      const start = from + piece - back - nearChars;
      const near = text.slice(start, start + nearChars);
      const blank = Math.max(near.lastIndexOf('\n'), near.lastIndexOf(' '));
      const at = blank >= 0 ? start + blank : start + nearChars - (isLowSurrogate(text, start + nearChars) ? 1 : 0);
      if (isBetweenSecrets(text, at)) return at;
    }
  }
  return text.length;
};

export const isLowSurrogate = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/** Whether both sides hide apart what they would together: no secret is longer than what is seen of either. */
const isBetweenSecrets = (text: string, at: number): boolean => {
  const [before, behind] = [text.slice(Math.max(0, at - nearChars), at), text.slice(at, at + nearChars)];
  return redact(before + behind) === redact(before) + redact(behind);
};
const nearChars = 16 * 1024;
