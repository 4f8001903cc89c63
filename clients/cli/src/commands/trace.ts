// Lists traces, and shows one as a waterfall.
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { Bot, Loose } from '../answers.ts';
import { CliError, reworded } from '../cli-error.ts';
import type { Client, Query } from '../client.ts';
import { findBot } from '../find.ts';
import { valueAt } from '../kinds.ts';
import { ago, amount, cell, type Column, dollars, duration, encoded, print, status, table } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { durationOf, saidBy, spansOf, waterfall } from '../waterfall.ts';

const text = (row: Loose, path: string): string => z.string().catch('').parse(valueAt(row, path));
const number = (row: Loose, path: string): number => z.number().catch(0).parse(valueAt(row, path));

/** A trace whose calls have no price has no cost, as one without calls has none. */
const costOf = (row: Loose): string =>
  number(row, 'modelCalls') > number(row, 'unpricedCalls') ? dollars(number(row, 'costUsd')) : '–';

export const traceColumns: readonly Column<Loose>[] = [
  { title: 'TRACE', of: (row) => cell(valueAt(row, 'traceId')) },
  { title: 'NAME', of: (row) => cell(valueAt(row, 'name')) },
  { title: 'STATUS', of: (row) => status(text(row, 'status') || '–') },
  { title: 'SPANS', of: (row) => cell(valueAt(row, 'spanCount')) },
  { title: 'ERROR SPANS', of: (row) => cell(valueAt(row, 'errorCount')) },
  { title: 'DURATION', of: (row) => duration(number(row, 'durationMs')) },
  { title: 'COST', of: costOf },
  { title: 'AGE', of: (row) => ago(text(row, 'startedAt'), Date.now()) },
];

export const list = async (options: { bot?: string; limit: number }, command: Command): Promise<void> => {
  const { client, show, format } = await sessionOf(command);
  const bot = options.bot === undefined ? undefined : await findBot(client, options.bot);
  const traces = await client.all(Loose, '/traces', { botInstanceId: bot?.id }, options.limit);
  if (format === 'table' && traces.length === 0) return print('no traces');
  show(traces, () => table(traceColumns, traces));
};

const Tree = z.looseObject({ traceId: z.string(), botInstanceId: z.string().nullish(), spanCount: z.int() });
const FlatTree = Tree.extend({ spans: z.array(z.unknown()) });

/** What is told of one trace below its path; of two bots that chose the same id, of the one that `--bot` names. */
export const ofTrace = async <S extends z.ZodType>(
  client: Client,
  answer: S,
  asked: { readonly traceId: string; readonly bot?: string | undefined; readonly what: string },
  query: Query = {},
): Promise<z.infer<S>> => {
  const bot = asked.bot === undefined ? undefined : await findBot(client, asked.bot);
  const path = `/traces/by-trace-id/${encodeURIComponent(asked.traceId)}/${asked.what}`;
  try {
    return await client.get(answer, path, { ...query, botInstanceId: bot?.id });
  } catch (error) {
    if (!(error instanceof CliError) || error.status !== 409) throw error;
    throw reworded(error, 'several bots sent spans under this trace id; say which with --bot');
  }
};

type ShowOptions = { readonly all?: boolean; readonly bot?: string };

export const show = async (traceId: string, options: ShowOptions, command: Command): Promise<void> => {
  const { client, format } = await sessionOf(command);
  const asked = { traceId, bot: options.bot, what: 'tree' };
  if (format !== 'table') return print(encoded(format, await ofTrace(client, Tree, asked)));
  const tree = await ofTrace(client, FlatTree, asked, { shape: 'flat', attributes: 'none' });
  const bot = tree.botInstanceId
    ? await client.get(Bot, `/bot-instances/${tree.botInstanceId}`).catch(gone)
    : undefined;
  const spans = spansOf(tree.spans);
  const { usage, error } = saidBy(tree.spans);
  const failed = spans.filter((span) => span.failed).length;
  const facts = [
    `trace ${printable(tree.traceId)}`,
    ...(bot ? [`bot ${printable(bot.name)}`] : []),
    amount(tree.spanCount, 'span'),
    failed === 0 ? 'no error spans' : pc.red(amount(failed, 'error span')),
    duration(durationOf(spans)),
    ...(usage ? [usage] : []),
  ];
  const lines = waterfall(spans, { width: process.stdout.columns || 120, all: options.all === true, paint: pc });
  print([pc.bold(facts.join('  ')), ...(error ? [pc.red(error)] : []), ...lines].join('\n'));
};

/** The trace outlives its bot; then the head line has no name. */
const gone = (error: unknown): undefined => {
  if (error instanceof Error && 'status' in error && error.status === 404) return undefined;
  throw error;
};
