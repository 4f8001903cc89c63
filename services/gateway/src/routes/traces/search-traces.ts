// Looks for traces, newest first, by what they are and by what one of their spans says; a bounded piece at a time.
import { z } from 'zod';
import { plainRow, type PlainRow } from '../../read-side.ts';
import type { Call } from '../../route.ts';
import { fromTraces, scopeOf, traceColumns, visible } from './trace-row.ts';
import type { Window } from './window.ts';

/** Takes a value, answers the `$n` that stands for it. */
export type Parameter = (value: unknown) => string;
export type Conditions = (parameter: Parameter) => readonly string[];

export type TraceSearch = {
  readonly window: Window;
  /** Conditions on `t` that an index answers, such as the bot. */
  readonly indexed: Conditions;
  /** Conditions on `t`, a row of `trace_read.traces`. */
  readonly ofTrace: Conditions;
  /** Conditions that all hold for one and the same span `s` of the trace. */
  readonly ofSpan: Conditions;
  readonly limit: number;
  /** Where an earlier page ended. */
  readonly after: readonly string[] | undefined;
};

export type Found = {
  readonly rows: readonly PlainRow[];
  /** Where the next page goes on; undefined where nothing is left in the window. */
  readonly next: readonly string[] | undefined;
};

/** What one request looks at: traces in the window, and among these whole traces with their spans. */
export const tracesLookedAtMax = 200_000;
export const tracesOpenedMax = 20_000;

const order = 'order by t.started_at desc, t.id desc';
const place = 't.started_at::text as "placeTime", t.id::text as "placeId"';
const Place = z.object({ placeTime: z.string(), placeId: z.string() });

/**
 * A page of traces. It may hold fewer than `limit`, or none, with a place to go on from: that is where this request had
 * looked at as much as one may.
 */
export const searchTraces = async (call: Call, search: TraceSearch): Promise<Found> => {
  const values: unknown[] = [...scopeOf(call)];
  const parameter: Parameter = (value) => `$${values.push(value)}`;
  const inWindow = [
    visible('t'),
    `t.started_at >= ${parameter(search.window.from)}::timestamptz`,
    `t.started_at < ${parameter(search.window.to)}::timestamptz`,
    ...search.indexed(parameter),
    ...afterPlace(search.after, parameter),
  ];
  const looked = `(select * from ${fromTraces} where ${inWindow.join(' and ')} ${order} limit ${tracesLookedAtMax}) t`;
  const valuesOfLooked = [...values];
  const fitting = search.ofTrace(parameter);
  const opened =
    fitting.length === 0
      ? looked
      : `(select * from ${looked} where ${fitting.join(' and ')} ${order} limit ${tracesOpenedMax}) t`;
  const valuesOfOpened = [...values];
  const spans = spanCondition(search.ofSpan(parameter));
  // Without a condition on spans nothing is opened, and the bound on opened traces is none on the answer.
  const rows = await call.world.views(
    `select ${traceColumns}, ${place} from (select * from ${opened} ${order} limit ${tracesOpenedMax}) t
     ${spans} ${order} limit ${parameter(search.limit + 1)}`,
    values,
  );
  const shown = rows.slice(0, search.limit).map(({ placeTime: _, placeId: __, ...row }) => plainRow(row));
  if (rows.length > search.limit) return { rows: shown, next: placeOf(rows[search.limit - 1]) };
  const next =
    (await nth(call, opened, tracesOpenedMax, valuesOfOpened)) ??
    (await nth(call, looked, tracesLookedAtMax, valuesOfLooked));
  return { rows: shown, next };
};

const afterPlace = (after: readonly string[] | undefined, parameter: Parameter): readonly string[] => {
  if (!after) return [];
  const [time, id] = [parameter(after[0]), parameter(after[1])];
  return [`t.started_at <= ${time}::timestamptz`, `(t.started_at, t.id) < (${time}::timestamptz, ${id}::uuid)`];
};

/**
 * Goes through traces in their order and opens one after another until the page is full. `offset 0` keeps Postgres from
 * making a join of it, which would open all of them first. The times let it leave out the other days' partitions.
 */
const spanCondition = (conditions: readonly string[]): string =>
  conditions.length === 0
    ? ''
    : `where exists (select 1 from trace_read.spans s where s.trace_uuid = t.trace_uuid and s.bot_id = t.bot_id
        and s.started_at >= t.started_at and s.started_at <= t.ended_at + interval '1 microsecond'
        and ${conditions.join(' and ')} offset 0)`;

/** The place of the last one, where as many were looked at as one request may; undefined where there are fewer. */
const nth = async (call: Call, from: string, max: number, values: readonly unknown[]) => {
  const [row] = await call.world.views(`select ${place} from ${from} ${order} offset ${max - 1} limit 1`, [...values]);
  return row && placeOf(row);
};

const placeOf = (row: PlainRow | undefined): readonly string[] => {
  const { placeTime, placeId } = Place.parse(row);
  return [placeTime, placeId];
};
