// What reading costs when many spans are kept: every panel of the dashboards, a trace by its id, searches.
import { loadavg } from 'node:os';
import { everyId, expand, type PanelQuery, panelQueries } from '@molthub/grafana';
import { spansPerTrace, traceIdOf } from '@molthub/trace-ingest/many-spans';
import type { Client } from 'pg';
import { spansAsked } from './env.ts';
import { callAll, expectStatus } from './fleet.ts';
import { type Figure, measured, median, quantile, type Report } from './measured.ts';
import { type Filled, withManySpans } from './many-spans.ts';

const runs = 20;
const treeCalls = 400;
const largeCalls = 40;
const searchCalls = 100;
const ranges = [
  ['6 h', 0.25],
  // The longest of which minutes are read.
  ['17 h', 17 / 24],
  ['7 days', 7],
] as const;

export const traceReads: Figure = {
  name: 'trace-reads',
  about: `over ${spansAsked} spans of 7 days: every dashboard panel (floor: 100 ms, goal 50), a trace by id (p50 10 ms, 200 ms for one of 10,000 spans), searches`,
  measure: (report) =>
    withManySpans(spansAsked, async (made) => {
      for (const [label, days] of ranges) await panels(made, label, days, report);
      await traceById(made, report);
      await searches(made, report);
    }),
};

type Took = { readonly panel: string; readonly medianMs: number; readonly maxMs: number; readonly rows: number };

/** Each panel by itself, one after the other: Grafana asks for several at once, of which each waits for a processor. */
const panels = async ({ reader, ...made }: Filled, label: string, days: number, report: Report): Promise<void> => {
  const took: Took[] = [];
  for (const query of await panelQueries()) took.push(await panel(reader, query, askedFor(query, made, days)));
  const sorted = took.toSorted((a, b) => b.medianMs - a.medianMs);
  const context = {
    ...made.context,
    panels: took.length,
    worst: sorted.slice(0, 5),
    slowestOnce: took.toSorted((a, b) => b.maxMs - a.maxMs)[0],
    empty: took.filter(({ rows }) => rows === 0).map((one) => one.panel),
    load: loadavg()[0],
  };
  report(
    measured(
      `dashboard panels over ${label}, medians`,
      'ms',
      took.map(({ medianMs }) => medianMs),
      context,
    ),
  );
  report(
    measured(`slowest dashboard panel over ${label}`, 'ms', [sorted[0]?.medianMs ?? 0], { panel: sorted[0]?.panel }),
  );
};

const panel = async (reader: Client, { dashboard, panel: title }: PanelQuery, sql: string): Promise<Took> => {
  const { rows } = await reader.query(sql);
  const tookMs: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now();
    await reader.query(sql);
    tookMs.push(performance.now() - began);
  }
  return {
    panel: `${dashboard}, ${title}`,
    medianMs: rounded(median(tookMs)),
    maxMs: rounded(Math.max(...tookMs)),
    rows: rows.length,
  };
};

const rounded = (ms: number) => Number(ms.toPrecision(3));

const askedFor = (
  { dashboard, sql, points }: PanelQuery,
  { endsAt, bots }: Omit<Filled, 'reader'>,
  days: number,
): string => {
  const all = { all: `'${everyId}'` };
  const bot = dashboard.endsWith('one bot') ? { one: bots[0]?.botId ?? '' } : all;
  const from = new Date(endsAt.getTime() - days * 86_400_000);
  return expand(sql, { from, to: endsAt, variables: { workspace: { one: 'default' }, fleet: all, bot } }, points);
};

const traceById = async ({ molthub, largeTraceId, context }: Filled, report: Report): Promise<void> => {
  const traces = Math.floor(spansAsked / spansPerTrace);
  const tree = async (id: string) => {
    expectStatus(await molthub.call('GET', `/traces/by-trace-id/${id}/tree`), 200, 'GET …/tree');
  };
  // Spread over the whole time, so that most are not in memory.
  const small = await callAll(treeCalls, 1, (call) => tree(traceIdOf(Math.floor((call * 7_919_317) % traces))));
  const large = await callAll(largeCalls, 1, () => tree(largeTraceId));
  twoOf(`trace by id, ${spansPerTrace} spans`, small, context, report);
  twoOf('trace by id, 10,000 spans', large, context, report);
};

const searches = async ({ molthub, bots, endsAt, context }: Filled, report: Report): Promise<void> => {
  const before = (days: number) => new Date(endsAt.getTime() - days * 86_400_000).toISOString();
  const [week, yesterday] = [`from=${before(7)}&to=${endsAt.toISOString()}`, before(1)];
  const botOf = (call: number) => `botInstanceId=${bots[call % bots.length]?.botId}`;
  const asked = {
    'the newest of all': () => '/traces?limit=50',
    'the newest of a bot': (call: number) => `/traces?limit=50&${botOf(call)}`,
    'in error': () => `/traces/search?${week}&hasErrors=true`,
    'a part of an error, of a bot': (call: number) => `/traces/search?${week}&errorText=with%207&${botOf(call)}`,
    'slower than 20 s, of a bot': (call: number) => `/traces/search?${week}&minDurationMs=20000&${botOf(call)}`,
    'dearer than 0.12 USD': () => `/traces/search?${week}&minCostUsd=0.12`,
    'an attribute, in a day': () => `/traces/search?from=${yesterday}&attribute.gen_ai.tool.name=browser`,
    'a session': (call: number) => `/traces/search?${week}&session=session-${call * 97}`,
  };
  for (const [name, pathOf] of Object.entries(asked)) {
    const took = await callAll(searchCalls, 1, async (call) => {
      expectStatus(await molthub.call('GET', pathOf(call)), 200, `GET ${pathOf(call)}`);
    });
    twoOf(`trace search, ${name}`, took, context, report);
  }
};

const twoOf = (figure: string, tookMs: readonly number[], context: Filled['context'], report: Report): void => {
  const sorted = tookMs.toSorted((a, b) => a - b);
  report(measured(`${figure}, p50`, 'ms', [quantile(sorted, 0.5)], { ...context, calls: sorted.length }));
  report(measured(`${figure}, p99`, 'ms', [quantile(sorted, 0.99)], { ...context, calls: sorted.length }));
};
