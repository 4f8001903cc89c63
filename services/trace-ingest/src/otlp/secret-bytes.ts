// Finds out from bytes whether a text may hold a secret, so that only few are looked through as text.

/** What a byte of a text asks for: nothing, an escape, that the text is checked as UTF-8, or a look around it. */
export const plain = 0;
export const escaped = 1;
export const beyondAscii = 2;
export const suspicious = 3;
export const refused = 4;

const code = (character: string) => character.charCodeAt(0);
const [dash, underscore, dot, colon, at] = [code('-'), code('_'), code('.'), code(':'), code('@')];
const [upperA, upperB, lowerB, upperJ] = [code('A'), code('B'), code('b'), code('J')];

export const kindOfByte: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0) return refused;
  if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return escaped;
  return byte >= 0x80 ? beyondAscii : plain;
});
for (const byte of [dash, underscore, dot, colon, at, upperA, upperB, lowerB, upperJ]) kindOfByte[byte] = suspicious;

/**
 * Whether the suspicious byte at `i` of the text from `start` to `end` may belong to a secret. Every form in `redact.ts`
 * has a byte of which this is true; that it is true of other texts costs time only.
 */
export const mayBeSecret = (bytes: Buffer, start: number, i: number, end: number): boolean => {
  const before = (back: number) => (i - back >= start ? (bytes[i - back] ?? 0) : 0);
  const after = (on: number) => (i + on < end ? (bytes[i + on] ?? 0) : 0);
  switch (bytes[i] ?? 0) {
    case dash:
      return endsWithOne(bytes, start, i, beforeDash) || (after(1) === dash && after(2) === dash);
    case underscore:
      return endsWithOne(bytes, start, i, beforeUnderscore);
    case dot:
      // SG.…, or the six characters in the middle of a token of Discord.
      return (before(1) === 0x47 && before(2) === 0x53) || (after(7) === dot && i - start >= 23);
    case colon:
      return after(1) === upperA && after(2) === upperA;
    case at:
      return true;
    case upperA:
      return (after(1) === 0x4b || after(1) === 0x53 || after(1) === 0x49) && (after(2) === 0x49 || after(2) === 0x7a);
    case upperJ:
      return before(1) === 0x79 && before(2) === 0x65;
    default:
      return after(1) === 0x65 && after(2) === 0x61 && after(3) === 0x72 && after(6) === 0x20;
  }
};

const wordsBy = (words: readonly string[]) => words.map((word) => Buffer.from(word));
const beforeDash = wordsBy(['sk', 'glpat', 'xapp', ...Array.from('abcdefghijklmnopqrstuvwxyz', (end) => `xox${end}`)]);
const beforeUnderscore = wordsBy(['sk', 'rk', 'ghp', 'gho', 'ghu', 'ghs', 'ghr', 'pat', 'npm', 'hf', 'whsec', 'mh']);

const endsWithOne = (bytes: Buffer, start: number, end: number, words: readonly Buffer[]): boolean => {
  const last = end > start ? bytes[end - 1] : undefined;
  for (const word of words) {
    if (word[word.length - 1] !== last || end - word.length < start) continue;
    let same = word.length - 1;
    while (same > 0 && word[same - 1] === bytes[end - 1 - (word.length - same)]) same -= 1;
    if (same === 0) return true;
  }
  return false;
};
