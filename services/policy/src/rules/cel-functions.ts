// The functions that a rewritten CEL expression calls: they count, and they are exact where the library is not.
import { isJsonObject } from '@molthub/manifest';
import { type LinearPattern, linearPattern } from './linear-pattern.ts';
import { type Meter, weightOf } from './meter.ts';
import { NotJudged } from './rule-type.ts';

type CelFunction = readonly [signature: string, run: (...args: never[]) => unknown];

/** `meter` answers that of the evaluation that runs. */
export const celFunctions = (meter: () => Meter): readonly CelFunction[] => {
  const patterns = new Map<string, LinearPattern>();
  const weighed = (value: unknown) => {
    meter().spend(weightOf(value));
    return value;
  };
  return [
    ['step(): bool', () => meter().allows(1)],
    ['weighed(dyn): dyn', weighed],
    // Before the first item: a loop must not begin that it could not end.
    [
      'walked(dyn): dyn',
      (items: unknown) => {
        meter().spend(countOf(items));
        return items;
      },
    ],
    ['kept(dyn): dyn', kept],
    ['negatable(dyn): dyn', (value: unknown) => within(value, value !== -(2n ** 63n))],
    ['intSized(dyn): dyn', (value: unknown) => within(weighed(value), !(Math.abs(numberOf(value)) >= 2 ** 63))],
    ['uintSized(dyn): dyn', (value: unknown) => within(weighed(value), !(numberOf(value) >= 2 ** 64))],
    ['withKeys(list, dyn): dyn', (keys: unknown[], map: unknown) => withKeys(keys, map)],
    ['precedes(dyn, dyn): bool', (a: unknown, b: unknown) => inOrder(a, b, meter(), (x, y) => x < y)],
    ['precedesOrEquals(dyn, dyn): bool', (a: unknown, b: unknown) => inOrder(a, b, meter(), (x, y) => x <= y)],
    [
      'meteredContains(string, string): bool',
      (text: string, part: string) => {
        meter().spend(costOfSearch(text, part));
        return text.includes(part);
      },
    ],
    [
      'meteredIndexOf(string, string): int',
      (text: string, part: string) => {
        meter().spend(costOfSearch(text, part));
        const at = text.indexOf(part);
        return BigInt(at < 0 ? at : Array.from(text.slice(0, at)).length);
      },
    ],
    [
      'meteredMatches(string, string): bool',
      (text: string, pattern: string) => patternOf(patterns, pattern, meter()).occursIn(text, meter()),
    ],
    ['meteredLowerAscii(string): string', (text: string) => text.replaceAll(/[A-Z]+/g, (part) => part.toLowerCase())],
    ['meteredUpperAscii(string): string', (text: string) => text.replaceAll(/[a-z]+/g, (part) => part.toUpperCase())],
    ['meteredTrim(string): string', trimmed],
    ['meteredSubstring(string, int): string', (text: string, from: bigint) => substring(text, from)],
    [
      'meteredSubstring(string, int, int): string',
      (text: string, from: bigint, to: bigint) => substring(text, from, to),
    ],
  ];
};

const countOf = (items: unknown): number =>
  Array.isArray(items) ? items.length : isJsonObject(items) ? Object.keys(items).length : 0;

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

const within = (value: unknown, fits: boolean): unknown => {
  if (!fits) throw new NotJudged('A number is out of the range of its type');
  return value;
};

const kept = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || typeof value.valueOf() !== 'bigint') return value;
  throw new NotJudged('Lists and maps hold no unsigned integers; leave the u out');
};

const withKeys = (keys: readonly unknown[], map: unknown): unknown => {
  const isKey = (key: unknown) => ['string', 'bigint', 'boolean'].includes(typeof unwrapped(key));
  if (!keys.every(isKey)) throw new NotJudged('Keys of a map are text, whole numbers, true or false');
  const size = map instanceof Map ? map.size : Object.keys(Object(map)).length;
  if (size < keys.length) throw new NotJudged('A map names a key twice');
  return map;
};

/** Unsigned integers come in a wrapping of the library's. */
const unwrapped = (value: unknown): unknown => (typeof value === 'object' && value !== null ? value.valueOf() : value);

type Ordered = string | number | bigint | boolean;

/** Whole numbers exactly, others as doubles, which is what CEL's tests want; text by its code points. */
const inOrder = (first: unknown, second: unknown, meter: Meter, is: (a: Ordered, b: Ordered) => boolean): boolean => {
  const [a, b] = [unwrapped(first), unwrapped(second)];
  if (typeof a === 'string' && typeof b === 'string') {
    meter.spend(1 + ((a.length + b.length) >> 6));
    return is(Buffer.compare(Buffer.from(a), Buffer.from(b)), 0);
  }
  if (typeof a === 'bigint' && typeof b === 'bigint') return is(a, b);
  if (isNumber(a) && isNumber(b)) return is(Number(a), Number(b));
  if (typeof a === 'boolean' && typeof b === 'boolean') return is(a, b);
  throw new NotJudged('Values of these types have no order');
};

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

/** Searching is fast for most texts, and as slow as this for some. */
const costOfSearch = (text: string, part: string): number => 1 + Math.ceil((text.length * part.length) / 256);

/** Patterns may come out of the manifest, so how many are compiled is counted as well. */
const patternOf = (known: Map<string, LinearPattern>, source: string, meter: Meter): LinearPattern => {
  const found = known.get(source);
  if (found) return found;
  meter.spend(stepsPerPattern);
  const made = linearPattern(source);
  if ('problem' in made) throw new NotJudged(made.problem);
  if (known.size >= patternsKept) known.clear();
  known.set(source, made.pattern);
  return made.pattern;
};
const stepsPerPattern = 2_000;
const patternsKept = 16;

const whiteSpace = /^\p{White_Space}$/u;

/** What Unicode calls white space, at both ends. All of it is in the first plane, so a unit is a character. */
const trimmed = (text: string): string => {
  let [from, to] = [0, text.length];
  while (from < to && whiteSpace.test(text.charAt(from))) from += 1;
  while (to > from && whiteSpace.test(text.charAt(to - 1))) to -= 1;
  return text.slice(from, to);
};

/** By code points, as CEL counts them. */
const substring = (text: string, from: bigint, to?: bigint): string => {
  const characters = Array.from(text);
  const end = to ?? BigInt(characters.length);
  if (from < 0n || from > end || end > BigInt(characters.length)) {
    throw new NotJudged(`There is no part of a text of ${characters.length} from ${from} to ${end}`);
  }
  return characters.slice(Number(from), Number(end)).join('');
};
