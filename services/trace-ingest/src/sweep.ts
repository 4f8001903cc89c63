// Thins out what is kept, fleet by fleet, before its day is dropped whole: by age and by class, in small steps.
import { defaultFleetTelemetry, type FleetTelemetry } from '@molthub/contracts';
import type { Runtime } from '@molthub/service';
import { z } from 'zod';
import { readFleetSettings } from './fleet-settings.ts';

/** Rows of one step, which is one transaction; halved where a step takes longer than `stepMsMax`. */
export const stepRowsMax = 2_000;
const stepRowsMin = 100;
const stepMsMax = 100;
/** Traces looked up at once. */
const lookedUpMax = 10_000;

const dayMs = 86_400_000;

export type Swept = {
  readonly traces: number;
  readonly spans: number;
  readonly contents: number;
  readonly rollups: number;
};

/** Deletes what is older than its fleet keeps it; answers how much that was. Ends early when `signal` aborts. */
export const sweep = async (runtime: Runtime, nowMs: number, signal?: AbortSignal): Promise<Swept> => {
  const step = createSteps(runtime, signal);
  const fleets = await readFleetSettings(runtime.reads);
  const swept = { traces: 0, spans: 0, contents: 0, rollups: 0 };
  const shortest = Math.min(
    ...[defaultFleetTelemetry, ...fleets.map((one) => one.settings)].map((s) => s.retention.okDays),
  );
  for (;;) {
    const found = await expired(runtime, nowMs, shortest);
    let removed = 0;
    for (const group of inGroups(found, step.rows())) {
      const done = await removeTraces(step, group);
      removed += done.traces;
      swept.traces += done.traces;
      swept.spans += done.spans;
    }
    // Those that nothing could be done about are being written to, and are no longer old.
    if (removed === 0 || found.length < lookedUpMax || step.aborted()) break;
  }
  for (const { fleet_id: fleetId, settings } of fleets) {
    swept.contents += await removeContents(step, fleetId, settings, nowMs);
    swept.rollups += await removeRollups(step, fleetId, settings, nowMs);
  }
  swept.contents += await removeOtherContents(step, nowMs);
  swept.rollups += await removeErrorGroups(step, nowMs);
  return swept;
};

type Steps = ReturnType<typeof createSteps>;

const createSteps = (runtime: Runtime, signal: AbortSignal | undefined) => {
  let rows = stepRowsMax;
  return {
    rows: () => rows,
    aborted: () => signal?.aborted ?? false,
    /** One transaction. */
    run: async <T>(work: Parameters<typeof runtime.write<T>>[0]): Promise<T> => {
      const startedMs = performance.now();
      const result = await runtime.write(work);
      if (performance.now() - startedMs > stepMsMax) rows = Math.max(stepRowsMin, Math.floor(rows / 2));
      return result;
    },
  };
};

const Expired = z.object({
  // Sixteen bytes of any kind, of which few are a UUID of RFC 9562.
  trace_id: z.guid(),
  bot_id: z.guid(),
  updated_at: z.date(),
  from: z.date(),
  to: z.date(),
  spans: z.coerce.number(),
});
type Expired = z.infer<typeof Expired>;

const of = (field: string, initial: number) =>
  `coalesce((f.settings -> 'retention' ->> '${field}')::float8, ${initial})`;
const { okDays, errorDays, slowMs, keepOkShare } = defaultFleetTelemetry.retention;
const age = `extract(epoch from $1::timestamptz - t.updated_at) / 86400`;
/** The same for all spans of a trace, whoever sends it; ids alone need not be random. */
const rank = `('x' || substr(md5(t.trace_id::text), 1, 8))::bit(32)::bigint / 4294967296.0`;

/** Traces past their time: by when the last of one came, so that what is sent late is kept as long as anything else. */
const expired = async (runtime: Runtime, nowMs: number, shortestDays: number): Promise<readonly Expired[]> =>
  z.array(Expired).parse(
    await runtime.reads(
      `select t.trace_id, t.bot_id, t.updated_at, t.started_at as "from",
         timestamptz 'epoch' + (t.ended_ns / 1000 + 1) * interval '1 microsecond' as "to", t.span_count as spans
       from traces t left join fleet_telemetry f on f.fleet_id = t.fleet_id
       where t.updated_at < $2 and ${age} > ${of('okDays', okDays)} and (${age} > ${of('errorDays', errorDays)}
         or (t.error_count = 0 and t.ended_ns - t.started_ns <= ${of('slowMs', slowMs)} * 1e6
           and ${rank} >= ${of('keepOkShare', keepOkShare)}))
       limit ${lookedUpMax}`,
      [new Date(nowMs), new Date(nowMs - shortestDays * dayMs)],
    ),
  );

/** By time, so that each group touches few days; of about `rows` spans. */
function* inGroups(found: readonly Expired[], rows: number): Generator<readonly Expired[]> {
  let group: Expired[] = [];
  let spans = 0;
  for (const one of found.toSorted((a, b) => a.from.getTime() - b.from.getTime())) {
    if (group.length > 0 && spans + one.spans + 1 > rows) {
      yield group;
      group = [];
      spans = 0;
    }
    group.push(one);
    spans += one.spans + 1;
  }
  if (group.length > 0) yield group;
}

/** A trace goes with its spans. One that is being written to is left: more of it has come. */
const removeTraces = async (step: Steps, group: readonly Expired[]) => {
  const ids = [group.map((one) => one.trace_id), group.map((one) => one.bot_id)];
  const from = new Date(Math.min(...group.map((one) => one.from.getTime())));
  const to = new Date(Math.max(...group.map((one) => one.to.getTime())) + 1);
  const latest = new Date(Math.max(...group.map((one) => one.updated_at.getTime())) + 1);
  let [traces, spans] = [0, 0];
  for (let isMore = true; isMore && !step.aborted(); ) {
    const rows = step.rows();
    const done = await step.run(async (sql) => {
      const locked = await sql<{ trace_id: string; bot_id: string }>(
        `select t.trace_id, t.bot_id from traces t join unnest($1::uuid[], $2::uuid[]) as d(trace_id, bot_id)
           on t.trace_id = d.trace_id and t.bot_id = d.bot_id
         where t.updated_at < $3 for update of t skip locked`,
        [...ids, latest],
      );
      const held = [locked.map((one) => one.trace_id), locked.map((one) => one.bot_id)];
      const gone = await sql(
        `with doomed as (
           select s.trace_id, s.span_id, s.bot_id, s.started_at
           from unnest($1::uuid[], $2::uuid[]) as d(trace_id, bot_id)
             join span_rows s on s.trace_id = d.trace_id and s.bot_id = d.bot_id
           where s.started_at between $3 and $4 limit ${rows}
         )
         delete from span_rows s using doomed d
         where s.trace_id = d.trace_id and s.span_id = d.span_id and s.bot_id = d.bot_id and s.started_at = d.started_at
           and s.started_at between $3 and $4 returning 1`,
        [...held, from, to],
      );
      if (gone.length === rows) return { isMore: true, spans: gone.length, traces: 0 };
      const ended = await sql(
        `delete from traces t using unnest($1::uuid[], $2::uuid[]) as d(trace_id, bot_id)
         where t.trace_id = d.trace_id and t.bot_id = d.bot_id returning 1`,
        held,
      );
      return { isMore: false, spans: gone.length, traces: ended.length };
    });
    isMore = done.isMore;
    traces += done.traces;
    spans += done.spans;
  }
  return { traces, spans };
};

/** Each holds the content of many spans. */
const contentsAtOnce = 50;

const removeContents = (
  step: Steps,
  fleetId: string,
  { retention }: FleetTelemetry,
  nowMs: number,
): Promise<number> => {
  // A fleet that keeps none keeps none of today either.
  const before = new Date(nowMs - (retention.contentDays - (retention.contentDays === 0 ? 1 : 0)) * dayMs);
  return repeatedly(step, contentsAtOnce, async (sql) =>
    sql(
      `delete from span_contents c using (
         select c.id, c.stored_on from span_contents c
         where c.bot_id in (select distinct bot_id from bot_hours where fleet_id = $1) and c.stored_on < $2::date
         limit ${contentsAtOnce}) d
       where c.id = d.id and c.stored_on = d.stored_on returning 1`,
      [fleetId, before.toISOString().slice(0, 10)],
    ),
  );
};

/** Of bots whose fleets have said nothing, or that have none. */
const removeOtherContents = (step: Steps, nowMs: number): Promise<number> => {
  const before = new Date(nowMs - defaultFleetTelemetry.retention.contentDays * dayMs);
  return repeatedly(step, contentsAtOnce, async (sql) =>
    sql(
      `delete from span_contents c using (
         select c.id, c.stored_on from span_contents c
         where c.stored_on < $1::date and not exists (
           select from bot_hours h join fleet_telemetry f on f.fleet_id = h.fleet_id where h.bot_id = c.bot_id)
         limit ${contentsAtOnce}) d
       where c.id = d.id and c.stored_on = d.stored_on returning 1`,
      [before.toISOString().slice(0, 10)],
    ),
  );
};

const rollups = [
  ['bot_minutes', 'minute'],
  ['call_minutes', 'minute'],
  ['failed_minutes', 'minute'],
  ['bot_hours', 'hour'],
  ['call_hours', 'hour'],
] as const;

const removeRollups = async (step: Steps, fleetId: string, { retention }: FleetTelemetry, nowMs: number) => {
  let removed = 0;
  for (const [table, column] of rollups) {
    removed += await repeatedly(step, stepRowsMax, (sql, rows) =>
      sql(
        `delete from ${table} where ctid in (
           select ctid from ${table} where ${column} < $2 and fleet_id = $1 limit ${rows}) returning 1`,
        [fleetId, new Date(nowMs - retention.rollupDays * dayMs)],
      ),
    );
  }
  return removed;
};

const removeErrorGroups = (step: Steps, nowMs: number): Promise<number> =>
  repeatedly(step, stepRowsMax, (sql, rows) =>
    sql(
      `delete from error_groups where ctid in (
         select e.ctid from error_groups e left join fleet_telemetry f on f.fleet_id = e.fleet_id
         where e.last_ns < ($1::float8 - ${of('errorDays', errorDays)} * ${dayMs}) * 1e6 limit ${rows}) returning 1`,
      [nowMs],
    ),
  );

/** As long as a step finds as much as it may take. */
const repeatedly = async (
  step: Steps,
  rowsMax: number,
  remove: (sql: Parameters<Parameters<Runtime['write']>[0]>[0], rows: number) => Promise<readonly unknown[]>,
): Promise<number> => {
  let removed = 0;
  for (;;) {
    const rows = Math.min(rowsMax, step.rows());
    const gone = await step.run((sql) => remove(sql, rows));
    removed += gone.length;
    if (gone.length < rows || step.aborted()) return removed;
  }
};
