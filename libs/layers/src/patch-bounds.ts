// The quick look at a patch before anything else: most are sound, and the long look that says what is wrong is for the others.
import { depthMax, forbiddenKeys } from '@molthub/manifest';
import { isForm } from './forms.ts';
import { layerLimits } from './layer.ts';

export type Bounds = {
  /** About how many bytes of JSON it has, and how many keys at all levels; less than that where it is too large. */
  readonly bytes: number;
  readonly fields: number;
  readonly isTooLarge: boolean;
  /** It may be walked recursively: 64 levels, no key of JavaScript's own, all text and numbers are some. */
  readonly isSound: boolean;
  /** Something in it deletes, or is a form. */
  readonly hasForms: boolean;
};

/** Takes linear time, and stops early. */
export const boundsOf = (patch: unknown): Bounds => {
  const looking: Looking = { bytes: 0, fields: 0, isSound: true, hasForms: false };
  look(patch, 0, looking);
  return { ...looking, isTooLarge: isTooLarge(looking) };
};

type Looking = { bytes: number; fields: number; isSound: boolean; hasForms: boolean };

const isTooLarge = ({ bytes, fields }: Looking): boolean =>
  bytes > layerLimits.patchBytesMax || fields > layerLimits.fieldsMax;

const look = (value: unknown, depth: number, looking: Looking): void => {
  if (typeof value === 'string') {
    looking.bytes += value.length + 3;
    if (!value.isWellFormed()) looking.isSound = false;
  } else if (typeof value === 'number') {
    looking.bytes += 2;
    if (!Number.isFinite(value)) looking.isSound = false;
  } else if (value === null) {
    looking.bytes += 5;
    looking.hasForms = true;
  } else if (typeof value === 'boolean') looking.bytes += 5;
  else if (typeof value !== 'object' || depth > depthMax) looking.isSound = false;
  else lookInto(value, depth, looking);
};

const lookInto = (value: object, depth: number, looking: Looking): void => {
  looking.bytes += 2;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    for (const item of items) {
      if (!looking.isSound || isTooLarge(looking)) return;
      look(item, depth + 1, looking);
    }
    return;
  }
  const names = Object.keys(value);
  looking.fields += names.length;
  if (isTooLarge(looking)) return;
  for (const [index, item] of Object.values(value).entries()) {
    if (!looking.isSound || isTooLarge(looking)) return;
    const name = names[index] ?? '';
    looking.bytes += name.length + 4;
    if (forbiddenKeys.has(name) || !name.isWellFormed()) looking.isSound = false;
    if (isForm(name)) looking.hasForms = true;
    look(item, depth + 1, looking);
  }
};
