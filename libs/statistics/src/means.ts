// Averages, and how they relate.

/** The arithmetic mean. Throws for no values. */
export const mean = (values: ArrayLike<number>): number => {
  if (values.length === 0) throw new RangeError('An empty sample has no mean.');
  let sum = 0;
  for (let at = 0; at < values.length; at += 1) sum += values[at] ?? 0;
  return sum / values.length;
};

/** The mean of `a` over that of `b`; null where one of them is 0, since then no ratio says how far they are apart. */
export const meanRatio = (a: ArrayLike<number>, b: ArrayLike<number>): number | null => {
  const [ofA, ofB] = [mean(a), mean(b)];
  return ofA === 0 || ofB === 0 ? null : ofA / ofB;
};
