// Makes the partitions of the days to come, and drops what is older than it is to be kept.
import { setTimeout as delay } from 'node:timers/promises';
import { defaultFleetTelemetry, type FleetTelemetry } from '@molthub/contracts';
import type { Sql } from '@molthub/event-store';
import type { Job, Runtime } from '@molthub/service';
import { expireOutbox } from './forward/outbox.ts';
import { readFleetSettings } from './fleet-settings.ts';
import { sweep } from './sweep.ts';

export type Retention = {
  readonly spanDays: number;
  /** Rollups. */
  readonly minuteDays: number;
  /** Metrics and logs. */
  readonly bodyDays: number;
};

const dayMs = 86_400_000;

export type RetentionSettings = Pick<Retention, 'bodyDays'>;

export const retentionJob = ({ bodyDays }: RetentionSettings, everyMs = 3_600_000): Job => ({
  name: 'span-retention',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      const nowMs = runtime.now().getTime();
      await ensurePartitions(runtime, nowMs);
      await dropOld(runtime, { ...longest(await readFleetSettings(runtime.reads)), bodyDays }, nowMs);
      await expireOutbox(runtime, nowMs);
      await sweep(runtime, nowMs, signal);
      await delay(everyMs, undefined, { signal });
    }
  },
});

/** Days are dropped whole once no fleet keeps anything of them. */
export const longest = (fleets: readonly { readonly settings: FleetTelemetry }[]): Omit<Retention, 'bodyDays'> => {
  const all = [defaultFleetTelemetry, ...fleets.map(({ settings }) => settings)].map(({ retention }) => retention);
  return {
    spanDays: Math.max(...all.map(({ errorDays }) => errorDays)),
    minuteDays: Math.max(...all.map(({ rollupDays }) => rollupDays)),
  };
};

/** Partitions for yesterday up to the day after tomorrow: no accepted span of now falls into the one for other days. */
export const ensurePartitions = async (runtime: Runtime, nowMs: number): Promise<void> => {
  for (const day of [-1, 0, 1, 2]) {
    const from = new Date(nowMs + day * dayMs).toISOString().slice(0, 10);
    const to = new Date(nowMs + (day + 1) * dayMs).toISOString().slice(0, 10);
    const table = partitionOf(from);
    try {
      await runtime.write(async (sql) => {
        // `if not exists` alone fails where two make the same table at the same moment.
        await sql("select pg_advisory_xact_lock(hashtextextended('trace partitions', 0))");
        // Waits for nobody long: inserts queue behind whoever waits for this lock.
        await sql("set local lock_timeout = '2s'");
        await sql(
          `create table if not exists ${table} partition of span_rows for values from ('${from} 00:00Z') to ('${to} 00:00Z')`,
        );
      });
    } catch (error) {
      // A span of that day is in the partition for other days already: there the whole day stays.
      if (!isCheckViolation(error)) throw error;
      runtime.logger.warn({ day: from }, 'the spans of this day share a partition with those of other days');
    }
  }
};

/** Drops whole days of spans, and rows of other tables in small steps. */
export const dropOld = async (runtime: Runtime, retention: Retention, nowMs: number): Promise<void> => {
  const oldest = (days: number) => new Date(nowMs - days * dayMs);
  const first = partitionOf(oldest(retention.spanDays).toISOString().slice(0, 10));
  const rows = await runtime.reads<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'span_rows'::regclass and c.relname ~ '^span_rows_[0-9]{8}$' and c.relname < $1`,
    [first],
  );
  for (const { name } of rows) {
    await runtime.write(async (sql) => {
      await sql("set local lock_timeout = '2s'");
      await sql(`drop table ${name}`);
    });
  }
  await deleteOlder(runtime, 'span_rows_other_days', 'received_at', oldest(retention.spanDays));
  await deleteOlder(runtime, 'traces', 'updated_at', oldest(retention.spanDays));
  for (const table of ['bot_minutes', 'call_minutes', 'failed_minutes'] as const) {
    await deleteOlder(runtime, table, 'minute', oldest(retention.minuteDays));
  }
  for (const table of ['bot_hours', 'call_hours'] as const) {
    await deleteOlder(runtime, table, 'hour', oldest(retention.minuteDays));
  }
  // While it runs it is not over, whatever its age.
  await deleteOlder(runtime, 'runaways', 'ended_at', oldest(retention.spanDays));
  // Whatever refers to them came later than they were said last, and is gone with its day.
  await deleteOlder(runtime, 'surroundings', 'seen_on', oldest(retention.spanDays + 2));
  await deleteOlder(runtime, 'telemetry_bodies', 'received_at', oldest(retention.bodyDays));
  await deleteManualTraces(runtime);
};

/** Nobody can end a trace that is gone, or ask for it: what is known of those begun over the API goes with them. */
const deleteManualTraces = (runtime: Runtime) =>
  repeatedly(runtime, (sql) =>
    sql(
      `delete from manual_traces where (trace_id, bot_id) in (
         select m.trace_id, m.bot_id from manual_traces m where not exists (
           select from traces t where t.trace_id = m.trace_id and t.bot_id = m.bot_id) limit ${rowsAtOnce})
       returning 1`,
    ),
  );

type Aged =
  | 'span_rows_other_days'
  | 'traces'
  | 'bot_minutes'
  | 'bot_hours'
  | 'call_minutes'
  | 'call_hours'
  | 'failed_minutes'
  | 'runaways'
  | 'surroundings'
  | 'telemetry_bodies';

const rowsAtOnce = 2_000;

const deleteOlder = (runtime: Runtime, table: Aged, column: string, before: Date) =>
  repeatedly(runtime, (sql) =>
    sql(
      `with old as (select ctid from ${table} where ${column} < $1 limit ${rowsAtOnce})
       delete from ${table} where ctid in (select ctid from old) returning 1`,
      [before],
    ),
  );

const repeatedly = async (runtime: Runtime, remove: (sql: Sql) => Promise<readonly unknown[]>): Promise<void> => {
  for (let deleted = rowsAtOnce; deleted === rowsAtOnce; ) deleted = (await runtime.write(remove)).length;
};

const partitionOf = (day: string) => `span_rows_${day.replaceAll('-', '')}`;

const isCheckViolation = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === '23514';
