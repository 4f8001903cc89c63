// The quick look at a patch before anything else: most are sound, and the long look that says what is wrong is for the others.
import { depthMax, forbiddenKeys } from '@molthub/manifest';

export type Bounds = { readonly bytes: number; readonly isTooLarge: boolean; readonly isSound: boolean };

/**
 * About how many bytes of JSON a value has (UTF-16 units, without escapes), and whether it may be walked recursively:
 * no deeper than 64 levels, no key of JavaScript's own, no text that is no Unicode, no number that is none. Stops early.
 */
export const boundsOf = (value: unknown, bytesMax: number): Bounds => {
  const looking: Looking = { bytes: 0, bytesMax, isSound: true };
  look(value, 0, looking);
  return { bytes: looking.bytes, isTooLarge: looking.bytes > bytesMax, isSound: looking.isSound };
};

type Looking = { bytes: number; readonly bytesMax: number; isSound: boolean };

const look = (value: unknown, depth: number, looking: Looking): void => {
  if (!looking.isSound || looking.bytes > looking.bytesMax) return;
  if (typeof value === 'string') {
    looking.bytes += value.length + 3;
    if (!value.isWellFormed()) looking.isSound = false;
  } else if (typeof value === 'number') {
    looking.bytes += 2;
    if (!Number.isFinite(value)) looking.isSound = false;
  } else if (typeof value === 'boolean' || value === null) looking.bytes += 5;
  else if (typeof value !== 'object' || depth > depthMax) looking.isSound = false;
  else if (Array.isArray(value)) {
    looking.bytes += 2;
    for (const item of value) look(item, depth + 1, looking);
  } else lookAtKeys(value, depth, looking);
};

const lookAtKeys = (value: object, depth: number, looking: Looking): void => {
  looking.bytes += 2;
  for (const [name, item] of Object.entries(value)) {
    looking.bytes += name.length + 4;
    if (forbiddenKeys.has(name) || !name.isWellFormed()) looking.isSound = false;
    look(item, depth + 1, looking);
    if (!looking.isSound || looking.bytes > looking.bytesMax) return;
  }
};
