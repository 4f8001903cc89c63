// Finds traces, lists what went wrong, compares two configurations, and hands a trace on.
import type { Command } from 'commander';
import { z } from 'zod';
import { Loose } from '../answers.ts';
import { usageError } from '../cli-error.ts';
import { findBot } from '../find.ts';
import { ago, cell, type Column, dollars, duration, encoded, print, table } from '../output.ts';
import { sessionOf } from '../session.ts';
import { ofTrace, traceColumns } from './trace.ts';

export type SearchOptions = {
  readonly bot?: string;
  readonly attribute?: readonly string[];
  readonly error?: string;
  readonly failed?: boolean;
  readonly model?: string;
  readonly name?: string;
  readonly minDuration?: string;
  readonly maxDuration?: string;
  readonly minCost?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
};

/** `key=value`; the value may hold more signs of equality. */
const attributesOf = (pairs: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usageError(`--attribute ${pair} is not key=value, such as http.method=GET`);
      return [`attribute.${pair.slice(0, at)}`, pair.slice(at + 1)];
    }),
  );

export const search = async (options: SearchOptions, command: Command): Promise<void> => {
  const { client, show, format } = await sessionOf(command);
  const bot = options.bot === undefined ? undefined : await findBot(client, options.bot);
  const traces = await client.all(
    Loose,
    '/traces/search',
    {
      ...attributesOf(options.attribute ?? []),
      botInstanceId: bot?.id,
      errorText: options.error,
      hasErrors: options.failed,
      model: options.model,
      name: options.name,
      minDurationMs: options.minDuration,
      maxDurationMs: options.maxDuration,
      minCostUsd: options.minCost,
      from: options.from,
      to: options.to,
    },
    options.limit,
  );
  if (format === 'table' && traces.length === 0) return print('no traces');
  show(traces, () => table(traceColumns, traces));
};

const ErrorGroup = z.looseObject({
  name: z.string(),
  errorType: z.string(),
  message: z.string(),
  count: z.number(),
  lastAt: z.string(),
  traceId: z.string(),
});

const errorColumns: readonly Column<z.infer<typeof ErrorGroup>>[] = [
  { title: 'COUNT', of: (row) => cell(row.count) },
  { title: 'LAST', of: (row) => ago(row.lastAt, Date.now()) },
  { title: 'TYPE', of: (row) => cell(row.errorType) },
  { title: 'NAME', of: (row) => cell(row.name) },
  { title: 'MESSAGE', of: (row) => cell(row.message.length > 80 ? `${row.message.slice(0, 79)}…` : row.message) },
  { title: 'TRACE', of: (row) => cell(row.traceId) },
];

export const errors = async (options: { bot?: string; limit: number }, command: Command): Promise<void> => {
  const { client, show, format } = await sessionOf(command);
  const bot = options.bot === undefined ? undefined : await findBot(client, options.bot);
  const groups = await client.all(ErrorGroup, '/traces/errors', { botInstanceId: bot?.id }, options.limit);
  if (format === 'table' && groups.length === 0) return print('no errors');
  show(groups, () => table(errorColumns, groups));
};

const Interval = z.looseObject({ value: z.number(), low: z.number(), high: z.number() });
const Quantiles = z.looseObject({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable();
const Side = z.looseObject({
  configHash: z.string(),
  requests: z.number(),
  errorRate: Interval.nullable(),
  latencyMs: Quantiles,
  tokens: Quantiles,
  costUsd: Quantiles,
  unpricedCalls: z.number(),
});
const Shift = z.looseObject({ shift: Interval, p: z.number() });
const Compared = z.looseObject({
  sides: z.tuple([Side, Side]),
  difference: z
    .looseObject({
      errorRate: Interval.extend({ p: z.number() }),
      latencyMs: Shift,
      tokens: Shift,
      costUsd: Shift.nullable(),
    })
    .nullable(),
});
type Compared = z.infer<typeof Compared>;
type Line = { readonly what: string; readonly first: string; readonly second: string; readonly difference: string };

const number = (value: number): string => String(Number(value.toPrecision(4)));
const percent = (value: number): string => `${number(value * 100)} %`;
const sure = ({ low, high }: z.infer<typeof Interval>, p: number, told: (value: number) => string): string =>
  `${told(low)} to ${told(high)}  p=${number(p)}`;

type Measure = 'latencyMs' | 'tokens' | 'costUsd';

const linesOf = ({ sides: [first, second], difference }: Compared): readonly Line[] => {
  const none = (side: typeof first, what: Measure) => (what === 'costUsd' && side.unpricedCalls > 0 ? 'unpriced' : '–');
  const shifted = (what: Measure, title: string, told: (value: number) => string) =>
    (['p50', 'p95', 'p99'] as const).map((quantile, index) => ({
      what: `${title} ${quantile}`,
      first: first[what] ? told(first[what][quantile]) : none(first, what),
      second: second[what] ? told(second[what][quantile]) : none(second, what),
      difference: difference?.[what] && index === 0 ? sure(difference[what].shift, difference[what].p, told) : '',
    }));
  const unpriced = { first: number(first.unpricedCalls), second: number(second.unpricedCalls), difference: '' };
  return [
    { what: 'requests', first: number(first.requests), second: number(second.requests), difference: '' },
    {
      what: 'failed requests',
      first: first.errorRate ? percent(first.errorRate.value) : '–',
      second: second.errorRate ? percent(second.errorRate.value) : '–',
      difference: difference ? sure(difference.errorRate, difference.errorRate.p, percent) : '',
    },
    ...shifted('latencyMs', 'latency', (ms) => (ms < 0 ? `-${duration(-ms)}` : duration(ms))),
    ...shifted('tokens', 'tokens', number),
    ...shifted('costUsd', 'cost', dollars),
    ...(first.unpricedCalls + second.unpricedCalls > 0 ? [{ what: 'unpriced calls', ...unpriced }] : []),
  ];
};

const compareColumns: readonly Column<Line>[] = [
  { title: '', of: ({ what }) => what },
  { title: 'FIRST', of: ({ first }) => first },
  { title: 'SECOND', of: ({ second }) => second },
  { title: 'DIFFERENCE (95 %)', of: ({ difference }) => difference },
];

export const compare = async (
  first: string,
  second: string,
  options: { bot?: string; from?: string; to?: string },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const bot = options.bot === undefined ? undefined : await findBot(client, options.bot);
  const hashes = `hash=${encodeURIComponent(first)}&hash=${encodeURIComponent(second)}`;
  const compared = await client.get(Compared, `/traces/compare?${hashes}`, {
    botInstanceId: bot?.id,
    from: options.from,
    to: options.to,
  });
  show(compared, () => table(compareColumns, linesOf(compared)));
};

const Export = z.looseObject({ resourceSpans: z.array(z.unknown()) });

/** OTLP has a form in JSON and none in YAML or as a table. */
export const exportTrace = async (traceId: string, options: { bot?: string }, command: Command): Promise<void> => {
  const { client } = await sessionOf(command);
  print(encoded('json', await ofTrace(client, Export, { traceId, bot: options.bot, what: 'export' })));
};
