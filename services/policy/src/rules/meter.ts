// How much work a rule may do. Counted in steps and never in time, so that a verdict is the same on every machine.
import { NotJudged } from './rule-type.ts';

export type Meter = {
  /** Throws `NotJudged` where the work that comes next is more than is left. */
  readonly spend: (steps: number) => void;
  /** The same as an answer; once it is false it stays false. */
  readonly allows: (steps: number) => boolean;
};

/** What one rule may do to one manifest: a few milliseconds, on the slowest machine that we run on well below 50. */
export const stepsPerRule = 10_000;

export const createMeter = (steps: number = stepsPerRule): Meter => {
  let left = steps;
  const allows = (spent: number): boolean => {
    left -= Math.min(spent, steps + 1);
    return left >= 0;
  };
  return {
    allows,
    spend: (spent) => {
      if (!allows(spent)) throw tooMuchWork();
    },
  };
};

export const tooMuchWork = (): NotJudged =>
  new NotJudged(
    'The rule takes more work on this manifest than a rule may; make the rule simpler, or what it looks at smaller',
  );

/**
 * Values in a JSON value plus one for every sixteen characters: what comparing or copying it costs. Counting ends where
 * the sum is more than any rule may spend, so that counting is no work without end itself.
 */
export const weightOf = (root: unknown): number => {
  let weight = 0;
  const waiting: unknown[] = [root];
  for (let value = waiting.pop(); value !== undefined && weight <= stepsPerRule; value = waiting.pop()) {
    weight += typeof value === 'string' ? 1 + (value.length >> 4) : 1;
    if (typeof value !== 'object' || value === null) continue;
    const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
    weight += items.length > stepsPerRule ? items.length : 0;
    for (const item of items) {
      if (waiting.length > stepsPerRule) break;
      waiting.push(item ?? null);
    }
  }
  return weight;
};
