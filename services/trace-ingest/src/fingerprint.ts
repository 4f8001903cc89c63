// What errors share that say the same but for numbers, ids, and names of files and people.
import { createHash } from 'node:crypto';

/** Of longer texts only the beginning counts. */
const charsMax = 512;

// Each part is bounded or cannot start inside of another try, so that time is linear.
const quoted = /"[^"\n]{0,200}"|`[^`\n]{0,200}`|(?<![\p{L}\p{N}])'[^'\n]{0,200}'(?![\p{L}\p{N}])/gu;
/** A word with a digit in it, or hex of some length: a number, an id, a version, a part of a path. */
const variable = /(?<![\p{L}\p{N}_.-])(?:[0-9a-f]{8,}|[\p{L}_.-]*\p{N}[\p{L}\p{N}_.-]*)(?![\p{L}\p{N}_.-])/giu;

const shapeOf = (text: string): string =>
  text.slice(0, charsMax).replace(quoted, '""').replace(variable, '#').replace(/\s+/g, ' ').trim();

/** 63 bits, never 0, which stands for all the errors of a bot that says too many different ones. */
export const fingerprintOf = (name: string, errorType: string, message: string): bigint => {
  const said = JSON.stringify([shapeOf(name), errorType, shapeOf(message)]);
  return createHash('sha256').update(said).digest().readBigUInt64BE(0) >> 1n || 1n;
};
