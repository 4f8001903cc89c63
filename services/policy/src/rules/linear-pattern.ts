// Patterns that people write, run by RE2: the time is linear in the text whatever the pattern.
import { RE2JS } from 're2js';
import type { Meter } from './meter.ts';
import { NotJudged } from './rule-type.ts';

export const patternLengthMax = 500;
/** Instructions of a compiled pattern. Counted repetitions are written out, so `(a{30}){30}` has 900. */
const programSizeMax = 1_000;
/** Characters times instructions, in steps of the meter. RE2 does between 1 and 100 ns for each. */
const perStep = 16;

export type LinearPattern = {
  /** Whether the pattern occurs in the text. Throws `NotJudged` for a text that is too long for it. */
  readonly occursIn: (text: string, meter: Meter) => boolean;
};

/** The pattern, or why it is none. `flags` are `i`, `m` and `s`. */
export const linearPattern = (
  pattern: string,
  flags = '',
): { readonly pattern: LinearPattern } | { readonly problem: string } => {
  if (pattern.length > patternLengthMax) return { problem: `Write at most ${patternLengthMax} characters.` };
  // Before it is compiled: a pattern of a few characters can be told to repeat itself for ever.
  if (writtenOut(pattern) > programSizeMax) return { problem: 'Its counted repetitions are too many; use fewer.' };
  try {
    const compiled = RE2JS.compile(pattern, flagsOf(flags));
    const size = compiled.programSize();
    if (size > programSizeMax) return { problem: 'Its counted repetitions are too many; use fewer.' };
    return {
      pattern: {
        occursIn: (text, meter) => {
          if (text.length * size > charactersTimesSizeMax) {
            throw new NotJudged(`A text of ${text.length} characters is too long for the pattern ${shown(pattern)}`);
          }
          meter.spend(1 + Math.ceil((text.length * size) / perStep));
          return compiled.test(text);
        },
      },
    };
  } catch (error) {
    if (error instanceof NotJudged) throw error;
    const reason = error instanceof Error ? error.message.slice(0, 200) : 'it cannot be read';
    return {
      problem: `This is no pattern that runs in linear time (RE2: no look-around, no back-references): ${reason}.`,
    };
  }
};

const charactersTimesSizeMax = 300_000;
const shown = (pattern: string): string => (pattern.length > 40 ? `${pattern.slice(0, 40)}…` : pattern);

const flagsOf = (flags: string): number =>
  (flags.includes('i') ? RE2JS.CASE_INSENSITIVE : 0) |
  (flags.includes('m') ? RE2JS.MULTILINE : 0) |
  (flags.includes('s') ? RE2JS.DOTALL : 0);

/** How long a pattern is with its counted repetitions written out, at most. It is read once, from left to right. */
export const writtenOut = (pattern: string): number => {
  const outer: number[] = [];
  let sum = 0;
  let last = 0;
  const one = (size: number) => {
    sum += last;
    last = size;
  };
  for (const [part] of pattern.matchAll(/\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}|[^]/g)) {
    if (part === '(') {
      outer.push(sum + last);
      sum = 0;
      last = 0;
    } else if (part === ')') {
      const inner = sum + last + 2;
      sum = outer.pop() ?? 0;
      last = inner;
    } else if (part.length > 1 && part.startsWith('{')) {
      const [least = 0, most = 0] = part.slice(1, -1).split(',').map(Number);
      last *= Math.max(least, most, 1);
    } else one(1);
  }
  return outer.reduce((total, size) => total + size, sum + last);
};
