// A job that opens and closes the findings that follow from a bot's health and its restarts.
import { setTimeout as delay } from 'node:timers/promises';
import { CloseFinding, FindingKind, HealthStatus, OpenFinding, type Outcome } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { inParallel } from '../in-parallel.ts';
import { type FindingLimits, findingsOf } from './rules.ts';

export type SweepSettings = { readonly everyMs: number; readonly limits: FindingLimits };

const moments = z.array(z.date()).transform((times) => times.map((time) => time.getTime()));
const Row = z.object({
  workspace: z.string(),
  botId: z.uuid(),
  fleetId: z.uuid(),
  status: HealthStatus,
  changedMs: z.date().transform((time) => time.getTime()),
  detail: z.string(),
  hash: z.string().nullable(),
  rest: z.string().nullable(),
  flipsMs: moments,
  restartsMs: moments,
  findings: z.array(z.object({ id: z.uuid(), kind: FindingKind })),
});

/** Only bots that something is or may be the matter with. */
const suspects = `
  select t.workspace, t.bot_id as "botId", t.fleet_id as "fleetId", coalesce(b.status, 'UNKNOWN') as status,
    coalesce(b.changed_at, to_timestamp(0)) as "changedMs", coalesce(r.detail, b.detail, '') as detail, t.hash,
    case when t.mode in ('STOPPED', 'PAUSED', 'DESTROYED') then 'the bot is ' || lower(t.mode)
      when t.health_check->>'kind' = 'none' then 'spec.healthCheck of its manifest is none' end as rest,
    coalesce(b.flips, '{}') as "flipsMs", t.restarts as "restartsMs", coalesce(f.findings, '[]') as findings
  from targets t left join bots b on b.bot_id = t.bot_id left join readings r on r.bot_id = t.bot_id
  left join (
    select bot_id, json_agg(json_build_object('id', id, 'kind', kind)) as findings
    from findings where closed_at is null group by 1) f on f.bot_id = t.bot_id
  where f.findings is not null or b.status = 'UNHEALTHY'
    or b.flips[cardinality(b.flips)] > $1 or t.restarts[cardinality(t.restarts)] > $1`;

/** Commands at the same time: what many bots have all at once goes out in few transactions. */
const tellingMax = 64;

const sweep = async (runtime: Runtime, limits: FindingLimits): Promise<void> => {
  const now = runtime.now();
  const since = new Date(now.getTime() - limits.windowMs);
  const rows = z.array(Row).parse(await runtime.reads(suspects, [since]));
  await inParallel(rows, tellingMax, async ({ workspace, botId, fleetId, findings, ...seen }) => {
    const open = findings.map(({ kind }) => kind);
    const { begun, over } = findingsOf({ ...seen, open }, now.getTime(), limits);
    for (const { since: began, ...finding } of begun) {
      const findingId = derivedId(botId, `${finding.kind} ${began}`);
      const opened = { findingId, botId, fleetId, ...finding, openedAt: now.toISOString() };
      done(await runtime.execute(OpenFinding, opened, { workspace }), botId);
    }
    for (const { kind, evidence } of over) {
      for (const { id } of findings.filter((finding) => finding.kind === kind)) {
        const closed = { findingId: id, botId, fleetId, kind, evidence, closedAt: now.toISOString() };
        done(await runtime.execute(CloseFinding, closed, { workspace }), botId);
      }
    }
  });
};

const done = ({ status }: Outcome, botId: string): void => {
  if (status !== 'DONE') throw new Error(`A finding of bot ${botId} could not be told: ${status}.`);
};

export const findingsJob = ({ everyMs, limits }: SweepSettings): Job => ({
  name: 'findings',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      await sweep(runtime, limits);
      await delay(everyMs, undefined, { signal });
    }
  },
});
