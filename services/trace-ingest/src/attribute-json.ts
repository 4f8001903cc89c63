// What may be stored of a text, and how much of anything: bounded, without secrets, and fit for Postgres.
import { type Redaction, redact } from './redact.ts';

/** Attributes of one object, members of one list, events and links of one span. */
export const attributesMax = 256;
export const keyCharsMax = 256;
export const valueCharsMax = 32_768;
/** Of a name, a status message, a trace state, a schema's address. */
export const textCharsMax = 1024;
/** Prompts, messages, arguments and results of one span together, in bytes of JSON. */
export const contentBytesMax = 256 * 1024;

/** How far behind what is kept a secret may end, so that it is recognised whole. */
export const secretCharsMax = 4_096;

/** Text as Postgres takes it: no NUL, no half surrogate, no secret, at most `charsMax` (marked where it was cut). */
export const storable = (text: string, charsMax: number, redaction?: Redaction): string => {
  // A secret is recognised whole before the cut goes through it; what is far behind the cut costs nothing.
  const clean = redact(text.length > charsMax ? text.slice(0, charsMax + secretCharsMax) : text, redaction);
  const cut = clean.length > charsMax ? `${clean.slice(0, Math.max(0, charsMax - 1))}…` : clean;
  return cut.includes('\0') || !cut.isWellFormed() ? cut.replaceAll('\0', '').toWellFormed() : cut;
};
