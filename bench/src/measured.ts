// What a figure is, and how several runs become one line.

/** One line of output: the median of all runs, with the lowest and the highest. */
export type Measured = {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  readonly runs: number;
  readonly min: number;
  readonly max: number;
  readonly context: Readonly<Record<string, unknown>>;
};

export type Report = (measured: Measured) => void;

export type Figure = {
  /** What it is called on the command line. */
  readonly name: string;
  readonly about: string;
  /** Measures, and reports one or several lines. */
  readonly measure: (report: Report) => Promise<void>;
};

/** The median of `values`, and what is between them. Throws for none. */
export const measured = (
  figure: string,
  unit: string,
  values: readonly number[],
  context: Readonly<Record<string, unknown>> = {},
): Measured => {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    figure,
    value: rounded(quantile(sorted, 0.5)),
    unit,
    runs: sorted.length,
    min: rounded(quantile(sorted, 0)),
    max: rounded(quantile(sorted, 1)),
    context,
  };
};

/** The `q` quantile (0 to 1) of sorted values, between two of them where it falls there. */
export const quantile = (sorted: readonly number[], q: number): number => {
  const at = (sorted.length - 1) * q;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  if (low === undefined || high === undefined) throw new Error('A figure needs at least one run.');
  return low + (high - low) * (at - Math.floor(at));
};

export const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

/** Three digits that mean something. */
const rounded = (value: number): number => Number(value.toPrecision(4));
