// Rows on their way into a statement as one array for each column: to take JSON apart would cost Postgres more than to
// write the rows.

/** A list of a list has no place in `unnest`: it is given as text, `listOf`, and cast. */
type Cell = string | number | bigint | boolean | null;

/** Its name, its type in Postgres, and where its value comes from. */
export type Column<Row> = readonly [name: string, type: string, of: (row: Row) => Cell];

/** Rows whose parameters are numbered from `first`. */
export const columnar = <Row>(first: number, columns: readonly Column<Row>[]) => ({
  next: first + columns.length,
  from: `unnest(${columns.map(([, type], at) => `$${first + at}::${type}[]`).join(', ')})
    as g(${columns.map(([name]) => name).join(', ')})`,
  values: (rows: readonly Row[]): readonly string[] => columns.map(([, , of]) => listOf(rows, of)),
});

/** A list as Postgres reads one: `{1,"text",NULL}`. */
export const listOf = <Row>(rows: Iterable<Row>, of: (row: Row) => Cell): string => {
  let list = '';
  for (const row of rows) list += list === '' ? cellOf(of(row)) : `,${cellOf(of(row))}`;
  return `{${list}}`;
};

const cellOf = (cell: Cell): string => {
  if (cell === null) return 'NULL';
  if (typeof cell !== 'string') return String(cell);
  return `"${special.test(cell) ? cell.replaceAll(/["\\]/g, '\\$&') : cell}"`;
};
const special = /["\\]/;
