// A trace as lines of text: what called what, when, and for how long, in one picture of the terminal's width.
import { z } from 'zod';
import { amount, dollars, duration } from './output.ts';
import { printable } from './printable.ts';

/** One span in the order it is shown, parents before their children. */
export type Span = {
  readonly depth: number;
  readonly name: string;
  readonly type: string;
  readonly failed: boolean;
  /** ms since the trace began. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Where this span's descendants end in the list: the index after the last of them. */
  readonly end: number;
};

const SpanFields = z.looseObject({
  spanId: z.string(),
  parentSpanId: z.string().nullable(),
  name: z.string(),
  type: z.string(),
  status: z.string(),
  startedAt: z.string(),
  durationMs: z.number(),
});

/**
 * Reads the spans of a trace in the order of its tree, as the server gives them with `shape=flat`: agents have been
 * seen to nest thousands deep, which as nested JSON overflows one reader or another.
 */
export const spansOf = (flat: readonly unknown[]): Span[] => {
  const spans = flat.map((span) => SpanFields.parse(span));
  const zero = spans.map((span) => nanosOf(span.startedAt)).reduce((first, at) => (at < first ? at : first), farAhead);
  const depths = new Map<string, number>();
  return withEnds(
    spans.map((span) => {
      const depth = span.parentSpanId === null ? 0 : (depths.get(span.parentSpanId) ?? -1) + 1;
      depths.set(span.spanId, depth);
      return {
        depth,
        name: printable(span.name),
        type: printable(span.type),
        failed: span.status === 'ERROR',
        startMs: Number(nanosOf(span.startedAt) - zero) / 1e6,
        durationMs: span.durationMs,
      };
    }),
  );
};

const farAhead = 2n ** 64n;

/** `Date` knows milliseconds only; in a trace of less than one, children would hang beside their parents. */
const nanosOf = (time: string): bigint => {
  const digits = /\.(\d+)/.exec(time)?.[1] ?? '';
  return BigInt(Math.floor(Date.parse(time) / 1e3)) * 1_000_000_000n + BigInt(digits.slice(0, 9).padEnd(9, '0'));
};

const withEnds = (spans: readonly Omit<Span, 'end'>[]): Span[] => {
  const ends = spans.map(() => spans.length);
  const path: number[] = [];
  for (const [index, { depth }] of spans.entries()) {
    for (const finished of path.splice(depth)) ends[finished] = index;
    path.push(index);
  }
  return spans.map((span, index) => ({ ...span, end: ends[index] ?? spans.length }));
};

/** From the start of the first span to the end of the last, in ms. */
export const durationOf = (spans: readonly Span[]): number =>
  spans.reduce((end, span) => Math.max(end, span.startMs + span.durationMs), 0);

const SaidFields = z.looseObject({
  type: z.string(),
  status: z.string(),
  statusMessage: z.string(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costUsd: z.number().nullable(),
});

/** What the spans of a trace add up to in tokens and money, '' where no model was called, and its first error's message. */
export const saidBy = (flat: readonly unknown[]): { readonly usage: string; readonly error: string } => {
  const spans = flat.map((span) => SaidFields.parse(span));
  const calls = spans.filter((span) => span.type === 'MODEL');
  const tokens = calls.reduce((sum, call) => sum + call.inputTokens + call.outputTokens, 0);
  const unpriced = calls.filter((call) => call.costUsd === null).length;
  const usd = calls.reduce((sum, call) => sum + (call.costUsd ?? 0), 0);
  const cost = [
    ...(unpriced < calls.length ? [dollars(usd)] : []),
    ...(unpriced > 0 ? [amount(unpriced, 'unpriced call')] : []),
  ];
  return {
    usage: calls.length === 0 ? '' : [amount(tokens, 'token'), ...cost].join('  '),
    error: printable(spans.find((span) => span.status === 'ERROR' && span.statusMessage !== '')?.statusMessage ?? ''),
  };
};

export type Paint = { readonly red: (text: string) => string; readonly dim: (text: string) => string };
const plain: Paint = { red: (text) => text, dim: (text) => text };

/** How many children of one span are shown before the rest becomes one line. */
export const childrenShown = 12;
const indentMax = 12;
const timeWidth = 12;

/**
 * The lines of a waterfall, at most `width` columns wide (60 or more): name, type, bar, duration. Where a span has
 * more than `childrenShown` children the rest is one line that says how many, how long and how many failed.
 */
export const waterfall = (
  spans: readonly Span[],
  options: { width: number; all?: boolean; paint?: Paint },
): string[] => {
  const { all = false, paint = plain } = options;
  const width = Math.max(options.width, 60);
  const names = Math.floor(width * 0.4);
  const bars = width - names - timeWidth - 10;
  const totalMs = Math.max(durationOf(spans), 0.001);
  const lines: string[] = [];
  const children = new Map<number, number>();
  for (let index = 0; index < spans.length; ) {
    const span = spans[index];
    if (span === undefined) break;
    const nth = (children.get(span.depth) ?? 0) + 1;
    const siblings = all || nth <= childrenShown ? 0 : siblingsFrom(spans, index);
    if (siblings > 1) {
      const end = endOfSiblings(spans, index);
      lines.push(paint.dim(rest(spans.slice(index, end), siblings, span.depth)));
      index = end;
      continue;
    }
    children.set(span.depth, nth);
    children.delete(span.depth + 1);
    lines.push(line(span, { names, bars, totalMs, paint }));
    index += 1;
  }
  return lines;
};

const line = (span: Span, view: { names: number; bars: number; totalMs: number; paint: Paint }): string => {
  const name = fit(`${indent(span.depth)}${span.failed ? '✗ ' : ''}${span.name}`, view.names);
  const type = fit(span.type, 7);
  const time = duration(span.durationMs).padStart(timeWidth - 1);
  const text = `${name} ${type} ${bar(span, view.bars, view.totalMs)} ${time}`;
  return span.failed ? view.paint.red(text) : text;
};

/** Every span has a bar of at least one column, inside the picture. */
const bar = (span: Span, width: number, totalMs: number): string => {
  const from = Math.min(Math.floor((span.startMs / totalMs) * width), width - 1);
  const length = Math.min(Math.max(Math.round((span.durationMs / totalMs) * width), 1), width - from);
  return `${' '.repeat(from)}${'█'.repeat(length)}`.padEnd(width);
};

const rest = (hidden: readonly Span[], siblings: number, depth: number): string => {
  const failed = hidden.filter((span) => span.failed).length;
  const own = hidden.filter((span) => span.depth === depth);
  const ms = own.reduce((sum, span) => sum + span.durationMs, 0);
  const within = hidden.length > siblings ? `, ${hidden.length} spans` : '';
  const errors = failed === 0 ? '' : `, ${failed} failed`;
  return `${indent(depth)}… ${siblings} more${within}${errors}, ${duration(ms)} (--all shows them)`;
};

const siblingsFrom = (spans: readonly Span[], from: number): number => {
  let count = 0;
  for (let index = from; isSibling(spans, index, from); index = spans[index]?.end ?? spans.length) count += 1;
  return count;
};

const endOfSiblings = (spans: readonly Span[], from: number): number => {
  let index = from;
  while (isSibling(spans, index, from)) index = spans[index]?.end ?? spans.length;
  return index;
};

const isSibling = (spans: readonly Span[], index: number, first: number): boolean =>
  spans[index] !== undefined && spans[index]?.depth === spans[first]?.depth;

/** Deep traces stop moving to the right; their depth is written instead. */
const indent = (depth: number): string =>
  depth <= indentMax ? '  '.repeat(depth) : `${'  '.repeat(indentMax)}[${depth}] `;

const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
