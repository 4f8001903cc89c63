// The text that Grafana sends to Postgres for a panel: what its page does with variables, then what its server does with
// macros. Source: grafana-sql's SqlDatasource.ts; macros.go and sql_engine.go of the Postgres datasource.
import { pointsMax } from './rollups.ts';

export type Asked = {
  readonly from: Date;
  readonly to: Date;
  readonly variables: Readonly<Record<string, Chosen>>;
};

/** `one` of a variable that allows no more; some `of` one that does; or "All", with a custom value for it. */
export type Chosen = { readonly one: string } | { readonly of: readonly string[] } | { readonly all: string };

export const expand = (rawSql: string, asked: Asked, points = pointsMax): string => {
  const intervalMs = intervalOf(asked.to.getTime() - asked.from.getTime(), points);
  const sql = withVariables(rawSql, asked.variables)
    .replaceAll('$__interval_ms', String(intervalMs))
    .replaceAll('$__interval', durationOf(intervalMs))
    .replaceAll('$__unixEpochFrom()', String(seconds(asked.from)))
    .replaceAll('$__unixEpochTo()', String(seconds(asked.to)));
  return withMacros(sql, asked);
};

/** A value that was chosen is a literal where several may be, and bare text otherwise; "All" stands as it was written. */
const withVariables = (sql: string, variables: Asked['variables']): string =>
  sql.replace(/\$(?:\{(?<braced>\w+)\}|(?<plain>\w+))/g, (match, braced: string | undefined, plain: string) => {
    const chosen = variables[braced ?? plain];
    if (chosen === undefined) return match;
    if ('all' in chosen) return chosen.all;
    if ('one' in chosen) return chosen.one.replaceAll("'", "''");
    return chosen.of.map((value) => `'${value.replaceAll("'", "''")}'`).join(',');
  });

const withMacros = (sql: string, asked: Asked): string =>
  sql.replace(/\$([_a-zA-Z0-9]+)\(([^)]*)\)/g, (match, name: string, inner: string, at: number) => {
    const args = inner.split(',').map((arg) => arg.trim());
    // A group that a comma follows is named `time`, as it was before there was a macro for that.
    const isOldAlias = name === '__timeGroup' && sql[at + match.length] === ',';
    return macro(isOldAlias ? '__timeGroupAlias' : name, args, asked);
  });

const macro = (name: string, [column = '', interval = '', ...rest]: readonly string[], asked: Asked): string => {
  const [from, to] = [asked.from.toISOString(), asked.to.toISOString()];
  switch (name) {
    case '__time':
      return `${column} AS "time"`;
    case '__timeFilter':
      return `${column} BETWEEN '${from}' AND '${to}'`;
    case '__timeFrom':
      return `'${from}'`;
    case '__timeTo':
      return `'${to}'`;
    case '__timeGroup': {
      if (rest.length > 0) throw new Error('Filling of gaps is not expanded here; no panel asks for it.');
      const size = millisecondsOf(interval.replaceAll("'", '')) / 1_000;
      return `floor(extract(epoch from ${column})/${size})*${size}`;
    }
    case '__timeGroupAlias':
      return `${macro('__timeGroup', [column, interval, ...rest], asked)} AS "time"`;
    default:
      throw new Error(`Grafana knows no macro $${name} for Postgres, or it is not expanded here.`);
  }
};

const seconds = (at: Date): number => Math.floor(at.getTime() / 1_000);

const [s, m, h, d] = [1_000, 60_000, 3_600_000, 86_400_000];
/** The steps of Grafana's intervals: below the first number of a row, the second. */
const steps = [
  [1.5 * m, m],
  [3.5 * m, 2 * m],
  [7.5 * m, 5 * m],
  [12.5 * m, 10 * m],
  [17.5 * m, 15 * m],
  [25 * m, 20 * m],
  [45 * m, 30 * m],
  [1.5 * h, h],
  [2.5 * h, 2 * h],
  [4.5 * h, 3 * h],
  [9 * h, 6 * h],
  [d, 12 * h],
  [7 * d, d],
] as const;

/** `$__interval_ms` of a range, where the datasource allows nothing below a minute. */
const intervalOf = (rangeMs: number, points: number): number =>
  steps.find(([below]) => rangeMs / points < below)?.[1] ?? 7 * d;

const units = [
  ['d', d],
  ['h', h],
  ['m', m],
  ['s', s],
] as const;

const durationOf = (ms: number): string => {
  const [unit, size] = units.find(([, each]) => ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
};

const millisecondsOf = (text: string): number => {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const size = units.find(([name]) => name === unit)?.[1];
  if (count === undefined || size === undefined) throw new Error(`'${text}' is no interval of Grafana's.`);
  return Number(count) * size;
};
