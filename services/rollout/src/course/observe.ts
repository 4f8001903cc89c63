// What is known of a running change set, from rollout's own tables: its bots, their health, their traces, the hour.
import { Strategy, type TracesGate, type WindowGate } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import type { BotWindow } from '../judging/compare-sides.ts';
import { judgeTraces } from '../judging/judge-traces.ts';
import { windowAt } from '@molthub/strategy';
import { progressOf } from '../queries.ts';
import type { GateSeen, Observed } from './judge.ts';
import { judgeHealth } from './judge-health.ts';
import { looksOf } from './look-times.ts';
import type { Run } from './run.ts';
import type { Counted } from './steer.ts';

/** Whether a wave may start at a moment. */
export type WindowSeen = { readonly open: boolean; readonly message: string };

export const windowOf = (gate: WindowGate | undefined, now: Date): WindowSeen =>
  gate ? windowAt(gate, now) : { open: true, message: '' };

/** What somebody else's judgement was when it was last asked for. */
export type WebhookSaid = Pick<GateSeen, 'verdict' | 'message'>;

export type ObserveSettings = {
  readonly now: Date;
  /** After its end, a window is summarized and heard of within this time. */
  readonly windowLatenessMs: number;
  readonly webhook: WebhookSaid | null;
};

const CountRow = z.object({
  strategy: Strategy,
  open: z.int(),
  updated: z.int(),
  failed: z.int(),
  skipped: z.int(),
  denied: z.int(),
  nextBots: z.int().nullable(),
  failedBots: z.int(),
  releasedBots: z.int(),
  underWay: z.int(),
  settledLast: z.date().nullable(),
});

const countsOf = async (changeSetId: string, reads: Reads) => {
  const rows = await reads(
    `select c.strategy,
       count(*) filter (where w.here and p.open)::int as open,
       count(*) filter (where w.here and p.state = 'CONVERGED')::int as updated,
       count(*) filter (where w.here and p.state = 'FAILED')::int as failed,
       count(*) filter (where w.here and p.state = 'SKIPPED')::int as skipped,
       count(*) filter (where w.here and p.state = 'FAILED' and not p.released)::int as denied,
       case when coalesce(c.current_wave, 0) + 1 < c.waves
         then count(*) filter (where p.wave = coalesce(c.current_wave, 0) + 1)::int end as "nextBots",
       count(*) filter (where p.state = 'FAILED' and p.released)::int as "failedBots",
       count(*) filter (where p.released)::int as "releasedBots",
       count(*) filter (where p.released and p.open)::int as "underWay",
       max(p.updated_at) filter (where w.here and not p.open) as "settledLast"
     from change_sets c join change_set_bots p on p.change_set_id = c.id
     cross join lateral (select p.wave = coalesce(c.current_wave, 0) as here) w
     where c.id = $1 group by c.strategy, c.current_wave, c.waves`,
    [changeSetId],
  );
  return rows[0] ? CountRow.parse(rows[0]) : null;
};

/** How far it is, for whoever ends it early; throws where there is none. */
export const countedOf = async (changeSetId: string, reads: Reads): Promise<Counted> => {
  const [counts, progress] = await Promise.all([countsOf(changeSetId, reads), progressOf(changeSetId, reads)]);
  if (!counts || !progress) throw new Error(`Change set ${changeSetId} is not known yet.`);
  const { strategy, denied: deniedBots, failedBots, releasedBots, underWay } = counts;
  return { strategy, progress, failedBots, deniedBots, releasedBots, underWay };
};

/** Null where there is no such change set. */
export const observe = async (
  changeSetId: string,
  run: Run,
  reads: Reads,
  { now, windowLatenessMs, webhook }: ObserveSettings,
): Promise<Observed | null> => {
  const [counts, progress] = await Promise.all([countsOf(changeSetId, reads), progressOf(changeSetId, reads)]);
  if (!counts || !progress) return null;
  const {
    strategy,
    open,
    updated,
    failed,
    skipped,
    denied,
    nextBots,
    failedBots,
    releasedBots,
    underWay,
    settledLast,
  } = counts;
  const { health, traces, webhook: webhookGate, window } = strategy.gates ?? {};
  const gates: GateSeen[] = [];
  if (health) gates.push(judgeHealth(health, await healthOf(changeSetId, reads), { failed: failedBots, open }));
  if (run.settledAtMs !== null) {
    // Where every bot has moved nothing is left to compare with, but for what may never be.
    const compares = nextBots !== null || traces?.errorRateMax !== undefined;
    if (traces && compares)
      gates.push(...(await tracesOf(changeSetId, { gate: traces, run, now, windowLatenessMs }, reads)));
    if (webhookGate) gates.push(webhookSeen(run, webhook));
    if (window && nextBots !== null) gates.push(windowSeen(window, now));
  }
  return {
    of: { wave: run.wave, settledAtMs: run.settledAtMs, lookingSinceMs: run.lookingSinceMs },
    strategy,
    progress,
    wave: { open, updated, failed, skipped },
    nextBots,
    failedBots,
    deniedBots: denied,
    releasedBots,
    underWay,
    settledLastMs: settledLast?.getTime() ?? null,
    gates,
  };
};

const webhookSeen = ({ said }: Run, webhook: WebhookSaid | null): GateSeen => {
  const { verdict, message } = webhook ?? said.WEBHOOK ?? { verdict: 'NO_DATA', message: 'It was not asked yet.' };
  return { gate: 'WEBHOOK', verdict, message, evidence: {} };
};

const windowSeen = (gate: WindowGate, now: Date): GateSeen => {
  const { open, message } = windowAt(gate, now);
  return { gate: 'WINDOW', verdict: open ? 'PASS' : 'INCONCLUSIVE', message, evidence: {} };
};

const HealthRow = z.object({
  healthy: z.int(),
  degraded: z.int(),
  unhealthy: z.int(),
  unknown: z.int(),
  unwell: z.array(z.string()),
});

/** Only what a bot says on the very configuration that it was moved to counts. */
const healthOf = async (changeSetId: string, reads: Reads) => {
  const [row] = await reads(
    `select count(*) filter (where status = 'HEALTHY')::int as healthy,
       count(*) filter (where status = 'DEGRADED')::int as degraded,
       count(*) filter (where status = 'UNHEALTHY')::int as unhealthy,
       count(*) filter (where status = 'UNKNOWN')::int as unknown,
       coalesce((array_agg(bot_name || ': ' || left(detail, 200) order by status desc, bot_name)
         filter (where status in ('UNHEALTHY', 'DEGRADED')))[1:5], '{}') as unwell
     from (
       select p.bot_name, coalesce(h.status, 'UNKNOWN') as status, coalesce(h.detail, '') as detail
       from change_set_bots p left join bot_health h on h.bot_id = p.bot_id and h.hash = p.after->>'hash'
       join bots b on b.id = p.bot_id and not b.retired
       where p.change_set_id = $1 and p.state = 'CONVERGED') moved`,
    [changeSetId],
  );
  return HealthRow.parse(row);
};

const WindowRow = z.object({
  isCanary: z.boolean(),
  botId: z.uuid(),
  from: z.date().transform((time) => time.toISOString()),
  requests: z.int(),
  errors: z.int(),
  latencyCounts: z.array(z.int()),
  durationMsSum: z
    .number()
    .nullable()
    .transform((sum) => sum ?? undefined),
  inputTokens: z.coerce.number(),
  outputTokens: z.coerce.number(),
  costUsd: z
    .string()
    .nullable()
    .transform((usd) => usd ?? undefined),
  unpricedCalls: z
    .int()
    .nullable()
    .transform((calls) => calls ?? undefined),
  simulated: z.boolean(),
});

type TracesAsked = {
  readonly gate: TracesGate;
  readonly run: Run;
  readonly now: Date;
  readonly windowLatenessMs: number;
};

/**
 * Bots that have moved, on what is new, beside bots that have not, on what they had, in the same minutes. Looked at on
 * the days of a fixed plan, with what had ended by then, so that nothing is gained by looking again and again. Nothing
 * before the first look.
 */
const tracesOf = async (
  changeSetId: string,
  { gate, run, now, windowLatenessMs }: TracesAsked,
  reads: Reads,
): Promise<readonly GateSeen[]> => {
  const fromMs = run.lookingSinceMs + (gate.warmUpSeconds ?? 0) * 1_000;
  const look = looksOf(gate).at(now.getTime() - fromMs - windowLatenessMs);
  if (look === null) return [{ gate: 'TRACES', ...(run.said.TRACES ?? tooEarly), evidence: {}, isFinal: false }];
  const { TRACES: last } = run.said;
  // What was judged at this look stays judged, whatever comes late.
  if (last?.look === look.number) {
    const { verdict, message } = last;
    return [{ gate: 'TRACES', verdict, message, evidence: { look: look.number }, isFinal: look.isLast }];
  }
  const rows = await reads(
    `select p.state = 'CONVERGED' as "isCanary", w.bot_id as "botId", w.from_at as "from", w.requests, w.errors,
       w.latency_counts as "latencyCounts", w.duration_ms_sum as "durationMsSum", w.input_tokens as "inputTokens",
       w.output_tokens as "outputTokens", w.cost_usd::text as "costUsd",
       w.unpriced_calls as "unpricedCalls", w.simulated
     from change_set_bots p join trace_windows w on w.bot_id = p.bot_id
       and w.config_hash = case when p.state = 'CONVERGED' then p.after->>'hash' else p.before->>'hash' end
     where p.change_set_id = $1 and (p.state = 'CONVERGED' or p.state = 'PLANNED' and p.open)
       and w.from_at >= $2 and w.to_at <= $3
     order by w.bot_id, w.from_at`,
    [changeSetId, new Date(fromMs), new Date(fromMs + look.untilMs)],
  );
  const windows = z.array(WindowRow).parse(rows);
  const side = (isCanary: boolean): BotWindow[] =>
    windows.filter((row) => row.isCanary === isCanary).map(({ isCanary: _, ...window }) => window);
  const { verdict, message, measures } = judgeTraces(gate, {
    canary: side(true),
    control: side(false),
    look: look.number,
    elapsedSeconds: look.untilMs / 1_000,
  });
  const evidence = { look: look.number, measures: z.json().parse(measures) };
  return [{ gate: 'TRACES', verdict, message, evidence, isFinal: look.isLast }];
};

const tooEarly = { verdict: 'NO_DATA' as const, message: 'Its first look is still to come.' };
