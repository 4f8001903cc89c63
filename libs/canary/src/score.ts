// Many measures together: one score of 0 to 100, and what it means.
import type { Classified } from './classify.ts';

export type Scored = Pick<Classified, 'label' | 'critical' | 'reason'> & {
  readonly name: string;
  readonly groups: readonly string[];
};

export type Score = {
  readonly score: number;
  /** Of each group, the share of its measures with values that passed, 0 to 100; null without values. */
  readonly groups: ReadonlyMap<string, number | null>;
  /** Why the groups were not asked; null where they were. */
  readonly reason: string | null;
};

/** From this share of measures without values on, nothing is known. */
const noDataMax = 0.5;

/**
 * The groups' scores by their weights (percents); what these leave of 100 is shared by the groups without one. A group
 * without values counts as well. 0 where a critical measure did not pass, or half of all measures have no values.
 * To two decimals. Source of the rules: Kayenta's judge.
 */
export const scoreOf = (results: readonly Scored[], weights: ReadonlyMap<string, number>): Score => {
  const groups = groupScores(results);
  const decisive = results.find(({ critical, label }) => critical && label !== 'PASS');
  if (decisive) return { score: 0, groups, reason: `${decisive.name} is critical: ${decisive.reason}` };
  const empty = results.filter(({ label }) => label === 'NODATA').length;
  if (empty >= noDataMax * results.length) {
    return { score: 0, groups, reason: `${empty} of ${results.length} measures have no values.` };
  }
  const unweighted = [...groups.keys()].filter((group) => !weights.has(group)).length;
  const left = 100 - [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  let score = 0;
  for (const [group, value] of groups) score += ((value ?? 100) * (weights.get(group) ?? left / unweighted)) / 100;
  return { score: Math.round(score * 100) / 100, groups, reason: null };
};

const groupScores = (results: readonly Scored[]): ReadonlyMap<string, number | null> => {
  const names = new Set(results.flatMap(({ groups }) => groups));
  return new Map(
    [...names].map((name) => {
      const counted = results.filter(({ groups, label }) => groups.includes(name) && label !== 'NODATA');
      const passed = counted.filter(({ label }) => label === 'PASS').length;
      return [name, counted.length === 0 ? null : (100 * passed) / counted.length];
    }),
  );
};

/** PASS from `pass` on, MARGINAL from `marginal` on. */
export const meaningOf = (
  score: number,
  thresholds: { readonly pass: number; readonly marginal: number },
): 'PASS' | 'MARGINAL' | 'FAIL' =>
  score >= thresholds.pass ? 'PASS' : score >= thresholds.marginal ? 'MARGINAL' : 'FAIL';
