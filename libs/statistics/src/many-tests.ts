// Several tests at once, and the same test again and again: what each may spend so that all together do not alarm too often.

/**
 * The p of each of several tests, raised so that one may be called significant where it is at most alpha, and the
 * chance that any is called so wrongly stays at most alpha, however the tests hang together.
 * Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65.
 */
export const holm = (ps: readonly number[]): readonly number[] => {
  const ascending = ps.map((p, at) => ({ p, at })).sort((x, y) => x.p - y.p);
  const raised = ps.map(() => 1);
  let least = 0;
  for (const [rank, { p, at }] of ascending.entries()) {
    least = Math.max(least, Math.min(1, (ps.length - rank) * p));
    raised[at] = least;
  }
  return raised;
};

/**
 * What the `look`-th (from 1) of `looks` looks at growing data may spend of `alpha`: the same share each. The shares
 * add up to alpha, so whatever the looks have in common, the chance that any of them alarms wrongly is at most alpha
 * (union bound). A look that was not planned spends nothing. Looking ten times at 5 % each would alarm in 19 % of cases.
 */
export const alphaOfLook = (alpha: number, looks: number, look: number): number =>
  Number.isInteger(look) && look >= 1 && look <= looks ? alpha / looks : 0;
