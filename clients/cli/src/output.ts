// How answers reach the terminal: a table for people, JSON or YAML for programs.
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { stringify } from 'yaml';
import { printable, printableDeep, printableJson } from './printable.ts';

export const formats = ['table', 'json', 'yaml', 'markdown'] as const;
/** Markdown is for comments on pull requests, which only `diff` writes. */
export type Format = Exclude<(typeof formats)[number], 'markdown'>;

export type Column<Row> = { readonly title: string; readonly of: (row: Row) => string };

/** Rows as a table without borders, as wide as they need; linear in the rows, of which there may be ten thousand. */
export const table = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string => {
  const head = columns.map((column) => pc.dim(column.title));
  const lines = [head, ...rows.map((row) => columns.map((column) => column.of(row)))];
  const widths = columns.map((_, index) => lines.reduce((width, line) => Math.max(width, widthOf(line[index])), 0));
  return lines
    .map((line) => line.map((text, index) => `${text}${' '.repeat((widths[index] ?? 0) - widthOf(text))}`))
    .map((line) => line.join('  ').trimEnd())
    .join('\n');
};

/** Columns on the screen, colours not counted. */
const widthOf = (text = ''): number => stripVTControlCharacters(text).length;

/** A value as JSON or YAML text. */
export const encoded = (format: Exclude<Format, 'table'>, value: unknown): string =>
  format === 'json' ? printableJson(value, 2) : stringify(printableDeep(value)).trimEnd();

/** Writes one block to standard output. */
export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Writes one line about the work itself, to standard error: output that programs read stays clean. */
export const note = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** One thing as aligned `name  value` lines; absent values are shown as such, never left out. */
export const fields = (pairs: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${pc.dim(name.padEnd(width))}  ${value}`).join('\n');
};

const bad = new Set(['ERROR', 'FAILED', 'UNHEALTHY', 'DRIFTED', 'ABORTED', 'REFUSED', 'DENIED', 'EXPIRED', 'fail']);
const good = new Set(['RUNNING', 'HEALTHY', 'SUCCEEDED', 'IN_SYNC', 'ACTIVE', 'CONVERGED', 'OK', 'SERVING', 'ok']);
const unsure = new Set(['DEGRADED', 'UNKNOWN', 'PAUSED', 'DRAINING', 'PROGRESSING', 'RECONCILING', 'warn']);

/** A status word in the colour people expect of it. */
export const status = (word: string): string => {
  const text = printable(word);
  if (bad.has(word)) return pc.red(text);
  if (good.has(word)) return pc.green(text);
  return unsure.has(word) ? pc.yellow(text) : text;
};

const cellWidthMax = 160;

/** Any value in one table cell. */
export const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '–';
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value));
  return text.length > cellWidthMax ? `${text.slice(0, cellWidthMax - 1)}…` : text;
};

/** A number of things in words: `1 bot`, `2 bots`. */
export const amount = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Money as far as it says something: fractions of a cent too. */
export const dollars = (usd: number): string => `$${Number(usd.toPrecision(4))}`;

/** How long ago a time was, in the largest unit that fits: `12s`, `3m`, `5h`, `9d`. */
export const ago = (time: string | null | undefined, now: number): string => {
  const then = Date.parse(time ?? '');
  if (Number.isNaN(then)) return '–';
  const seconds = Math.max(0, Math.round((now - then) / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
};

/** A duration in ms as people read it. */
export const duration = (ms: number): string => {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
  return ms < 60_000
    ? `${(ms / 1_000).toFixed(2)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
};
