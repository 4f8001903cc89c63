// Patterns that people write to hide what matches, run by RE2: the time is linear in the text whatever the pattern.
import { RE2JS } from 're2js';

/** Instructions of all patterns of a fleet: each character of a text may cost as many steps. */
export const programSizeMax = 500;

export type PatternProblem = { readonly path: string; readonly message: string };
/** Hides what matches. `size` is how many steps a character may cost. */
export type Patterns = { readonly size: number; readonly hide: (text: string) => string };

export const hidden = '[redacted]';

/** The patterns, and what is wrong with those that cannot be run; these are left out. */
export const compilePatterns = (
  sources: readonly string[],
): { readonly patterns: Patterns; readonly problems: readonly PatternProblem[] } => {
  const compiled: RE2JS[] = [];
  const problems: PatternProblem[] = [];
  let size = 0;
  for (const [index, source] of sources.entries()) {
    const tried = compileOne(source);
    const message =
      typeof tried === 'string'
        ? tried
        : size + tried.programSize() > programSizeMax
          ? `The patterns together have more than ${programSizeMax} instructions; write fewer, or shorter ones.`
          : undefined;
    if (typeof tried === 'string' || message !== undefined) {
      problems.push({ path: `redaction.patterns[${index}]`, message: message ?? '' });
      continue;
    }
    size += tried.programSize();
    compiled.push(tried);
  }
  const hide = (text: string) => compiled.reduce((left, pattern) => pattern.matcher(left).replaceAll(hidden), text);
  return { patterns: { size, hide }, problems };
};

const compileOne = (source: string): RE2JS | string => {
  // Before it is compiled: a pattern of a few characters can be told to repeat itself for ever.
  if (repeatedAtMost(source) > programSizeMax) return 'Its counted repetitions are too many; use fewer.';
  try {
    const compiled = RE2JS.compile(source);
    return compiled.test('')
      ? 'It matches nothing at all, and so would everywhere; say what it is to match.'
      : compiled;
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : 'it cannot be read';
    return `This is no pattern that runs in linear time (RE2: no look-around, no back-references): ${reason}.`;
  }
};

/** All counted repetitions of a pattern, as if each were inside of all others. */
const repeatedAtMost = (source: string): number =>
  [...source.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].reduce(
    (product, [, least, most]) => product * Math.max(Number(least), Number(most ?? 0), 1),
    1,
  );
