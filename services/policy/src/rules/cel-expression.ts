// Free expressions over the manifest, in CEL: parsed and bounded once, then evaluated within a number of steps.
import { Environment } from '@marcbachmann/cel-js';
import { isJsonObject } from '@molthub/manifest';
import { meteredSource } from './cel-source.ts';
import { type LinearPattern, linearPattern } from './linear-pattern.ts';
import { createMeter, type Meter, tooMuchWork, weightOf } from './meter.ts';
import { NotJudged, WrongParameter } from './rule-type.ts';

export const expressionLengthMax = 2_000;

/** What an expression may be, so that reading it takes no time to speak of. */
const limits = { maxAstNodes: 300, maxDepth: 32, maxListElements: 64, maxMapEntries: 32, maxCallArguments: 4 };

/** What expressions name: the two halves of the resolved manifest, and the environment that the bot lives in. */
const variables = (environment: Environment): Environment =>
  environment
    .registerVariable('metadata', 'dyn')
    .registerVariable('spec', 'dyn')
    .registerVariable('environment', 'string');

const forReading = variables(new Environment({ limits, homogeneousAggregateLiterals: false }));

export type CelExpression = { readonly holdsFor: (values: Readonly<Record<string, unknown>>) => boolean };

/** The expression. Throws `WrongParameter` where it cannot be read, names what is not there, or answers no bool. */
export const celExpression = (source: string): CelExpression => {
  if (source.length > expressionLengthMax) {
    throw new WrongParameter('expression', `Write at most ${expressionLengthMax} characters.`);
  }
  const read = parsed(source);
  const checked = read.check();
  if (!checked.valid) throw new WrongParameter('expression', reasonOf(checked.error));
  if (checked.type !== 'bool' && checked.type !== 'dyn') {
    throw new WrongParameter('expression', `It must answer true or false; this answers ${checked.type}.`);
  }
  let meter: Meter = createMeter();
  const metered = meteredEnvironment(() => meter).parse(meteredSource(read.ast));
  const rechecked = metered.check();
  if (!rechecked.valid) throw new WrongParameter('expression', reasonOf(rechecked.error));
  return {
    holdsFor: (values) => {
      meter = createMeter();
      const answer = answerOf(metered, values);
      // What was answered after the steps were used up is no answer.
      if (!meter.allows(0)) throw tooMuchWork();
      if ('error' in answer) throw new NotJudged(`The expression fails on this manifest: ${reasonOf(answer.error)}`);
      if (typeof answer.value !== 'boolean') throw new NotJudged('The expression answers neither true nor false');
      return answer.value;
    },
  };
};

const parsed = (source: string) => {
  try {
    return forReading.parse(source);
  } catch (error) {
    throw new WrongParameter('expression', reasonOf(error));
  }
};

const answerOf = (
  evaluate: (values: Record<string, unknown>) => unknown,
  values: Readonly<Record<string, unknown>>,
): { readonly value: unknown } | { readonly error: unknown } => {
  try {
    return { value: evaluate({ ...values }) };
  } catch (error) {
    return { error };
  }
};

/** The environment in which the rewritten expression runs; its functions spend from the meter of the moment. */
const meteredEnvironment = (meter: () => Meter): Environment => {
  const now = { async: false };
  const patterns = new Map<string, LinearPattern>();
  return (
    variables(new Environment({ homogeneousAggregateLiterals: false }))
      .registerFunction('step(): bool', () => meter().allows(1), now)
      .registerFunction(
        'weighed(dyn): dyn',
        (value: unknown) => {
          meter().spend(weightOf(value));
          return value;
        },
        now,
      )
      // Before the first item: a loop must not begin that it could not end.
      .registerFunction(
        'walked(dyn): dyn',
        (items: unknown) => {
          meter().spend(countOf(items));
          return items;
        },
        now,
      )
      .registerFunction(
        'meteredContains(string, string): bool',
        (text: string, part: string) => {
          meter().spend(costOfSearch(text, part));
          return text.includes(part);
        },
        now,
      )
      .registerFunction(
        'meteredIndexOf(string, string): int',
        (text: string, part: string) => {
          meter().spend(costOfSearch(text, part));
          return BigInt(text.indexOf(part));
        },
        now,
      )
      .registerFunction(
        'meteredMatches(string, string): bool',
        (text: string, pattern: string) => patternOf(patterns, pattern, meter()).occursIn(text, meter()),
        now,
      )
  );
};

const countOf = (items: unknown): number =>
  Array.isArray(items) ? items.length : isJsonObject(items) ? Object.keys(items).length : 0;

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

/** The first line of what the library says; the others draw the place. */
const reasonOf = (error: unknown): string => {
  const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
  return `${line.slice(0, 200) || 'it cannot be read'}.`.replace(/\.\.$/, '.');
};
