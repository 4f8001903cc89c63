// Keys of attributes, known again by their bytes: bots use the same few again and again.
import { keyCharsMax } from '../attribute-json.ts';
import { promotedKeys } from '../classify.ts';
import { isSecretKey } from '../named-secrets.ts';
import { isContentKey } from './content-keys.ts';
import { cleanText, decodeText, isSame, slotOf, type Treatment } from './write-text.ts';

export type Key = {
  readonly bytes: Buffer;
  readonly text: string;
  /** As it stands in front of its value. */
  readonly json: Buffer;
  readonly isSecret: boolean;
  readonly isContent: boolean;
  readonly isPromoted: boolean;
};

const promoted = new Set<string>(promotedKeys);
const keys: (Key | undefined)[] = Array.from({ length: 4_096 });

/** Throws a 400 where it is not UTF-8. */
export const keyAt = (bytes: Buffer, start: number, end: number, how: Treatment): Key => {
  if (end - start > keyCharsMax || how.closely) return keyOf(bytes, start, end, how);
  const slot = slotOf(bytes, start, end) & (keys.length - 1);
  const known = keys[slot];
  if (known && isSame(known.bytes, bytes, start, end)) return known;
  const key = keyOf(bytes, start, end, how);
  keys[slot] = key;
  return key;
};

const keyOf = (bytes: Buffer, start: number, end: number, how: Treatment): Key => {
  const text = decodeText(bytes, start, end);
  return {
    bytes: Buffer.from(bytes.subarray(start, end)),
    text,
    json: Buffer.from(`${JSON.stringify(cleanText(bytes, start, end, keyCharsMax, how))}:`),
    isSecret: isSecretKey(text),
    isContent: isContentKey(text),
    isPromoted: promoted.has(text),
  };
};
