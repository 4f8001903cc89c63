// Finds out from bytes whether a text may hold a secret, so that only few are looked through as text.
import { backslashesMax, isSecretKey, nameCharsMax, nameEndings, spacesMax } from '../named-secrets.ts';

/** What a byte of a text asks for: nothing, an escape, that the text is checked as UTF-8, or a look around it. */
export const plain = 0;
export const escaped = 1;
export const beyondAscii = 2;
export const suspicious = 3;
export const refused = 4;

const code = (character: string) => character.charCodeAt(0);
const [dash, underscore, dot, colon, at, equals] = [code('-'), code('_'), code('.'), code(':'), code('@'), code('=')];
const [upperA, upperB, lowerB, upperJ] = [code('A'), code('B'), code('b'), code('J')];

export const kindOfByte: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0) return refused;
  if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return escaped;
  return byte >= 0x80 ? beyondAscii : plain;
});
for (const byte of [dash, underscore, dot, colon, at, equals, upperA, upperB, lowerB, upperJ])
  kindOfByte[byte] = suspicious;

/**
 * Whether the suspicious byte at `i` of the text from `start` to `end` may belong to a secret. Every form in `redact.ts`
 * and every name in `named-secrets.ts` has a byte of which this is true; that it is true of other texts costs time only.
 */
export const mayBeSecret = (bytes: Buffer, start: number, i: number, end: number): boolean => {
  const byte = bytes[i] ?? 0;
  // Most suspicious bytes of JSON and of programs are these two.
  if (byte === equals) return namesSecret(bytes, start, i);
  if (byte === colon) return namesSecret(bytes, start, i) || isOfTelegram(bytes, i, end);
  const before = (back: number) => (i - back >= start ? (bytes[i - back] ?? 0) : 0);
  const after = (on: number) => (i + on < end ? (bytes[i + on] ?? 0) : 0);
  switch (byte) {
    case dash:
      return endsWithOne(bytes, start, i, beforeDash) || (after(1) === dash && beginsSecret(bytes, start, i, end));
    case underscore:
      return endsWithOne(bytes, start, i, beforeUnderscore);
    case dot:
      // SG.…, or the six characters in the middle of a token of Discord.
      return (before(1) === 0x47 && before(2) === 0x53) || (after(7) === dot && i - start >= 23);
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

/** Whether the text from `start` to `end` may hold a secret. */
export const mayHoldSecret = (bytes: Buffer, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) {
    if (kindOfByte[bytes[i] ?? 0] === suspicious && mayBeSecret(bytes, start, i, end)) return true;
  }
  return false;
};

const wordsBy = (words: readonly string[]) => words.map((word) => Buffer.from(word));
const beforeDash = wordsBy(['sk', 'glpat', 'xapp', ...Array.from('abcdefghijklmnopqrstuvwxyz', (end) => `xox${end}`)]);
const beforeUnderscore = wordsBy([
  'sk',
  'rk',
  'ghp',
  'gho',
  'ghu',
  'ghs',
  'ghr',
  'pat',
  'npm',
  'hf',
  'whsec',
  'mh',
  'mhb',
]);

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

/** The secret of a bot of Telegram, whose number is in front of the colon. */
const isOfTelegram = (bytes: Buffer, i: number, end: number): boolean =>
  i + 2 < end && bytes[i + 1] === upperA && bytes[i + 2] === upperA;

/** A private key, or an option. */
const beginsSecret = (bytes: Buffer, start: number, i: number, end: number): boolean => {
  let to = i + 2;
  if (to < end && bytes[to] === dash) return true;
  while (to < end && to - i < nameCharsMax && isOfName[bytes[to] ?? 0] === 1) to += 1;
  return (
    to > i + 2 && isSecretKey(bytes.toString('latin1', i, to)) && !(i > start && isOfName[bytes[i - 1] ?? 0] === 1)
  );
};

const isOfName: Uint8Array = new Uint8Array(256);
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-') {
  isOfName[code(character)] = 1;
}

/** Whether what stands before the sign at `i` is the name of a secret. */
const namesSecret = (bytes: Buffer, start: number, i: number): boolean => {
  let to = i;
  let last = to > start ? (bytes[to - 1] ?? 0) : 0;
  for (; (last === 0x20 || last === 0x09) && i - to < spacesMax; last = to > start ? (bytes[to - 1] ?? 0) : 0) to -= 1;
  if (last === 0x5d) to -= 1;
  else if (last === 0x22 || last === 0x27 || last === 0x60) {
    to -= 1;
    const quoteAt = to;
    while (to > start && quoteAt - to < backslashesMax && bytes[to - 1] === 0x5c) to -= 1;
  }
  return to - start >= nameCharsMin && isEnding[lastTwo(bytes, to)] === 1 && isNameOfSecret(bytes, start, to);
};

const isNameOfSecret = (bytes: Buffer, start: number, end: number): boolean => {
  let from = end;
  while (from > start && end - from < nameCharsMax && isOfName[bytes[from - 1] ?? 0] === 1) from -= 1;
  return isSecretKey(bytes.toString('latin1', from, end));
};

const nameCharsMin = Math.min(...nameEndings.map(({ length }) => length));
/** The last two letters in lower case: few other names end in the same. */
const lastTwo = (bytes: Buffer, end: number) => ((bytes[end - 2] ?? 0) << 8) | (bytes[end - 1] ?? 0) | 0x2020;
const isEnding: Uint8Array = new Uint8Array(0x1_0000);
for (const word of wordsBy(nameEndings)) isEnding[lastTwo(word, word.length)] = 1;
