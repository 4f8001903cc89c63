// One transaction for many units: append first, then projections, outcomes, marks, timers and fences, then commit.
import type { Recorded } from '@molthub/contracts';
import type { Pool, PoolClient } from 'pg';
import { isUnavailable } from './fault.ts';
import { recordedFrom } from './recorded.ts';
import { sqlOfTransaction, statementName } from './pool.ts';
import type { Projection } from './projection.ts';
import type { Sql } from './sql.ts';
import type { Committed, Concluded, Consumed, ExpectedVersion, NewEvent, StreamAppend, Unit } from './unit.ts';

export type FlushSettings = {
  readonly pool: Pool;
  readonly schema: string;
  readonly epoch: () => number;
  readonly projections: readonly Projection[];
};

/** What one transaction did: a result per unit, and the commands that were pending until now. */
export type Flushed = { readonly results: readonly Committed[]; readonly concluded: readonly Concluded[] };

/** Commits the units together; their streams must not overlap. Throws if the transaction did not commit. */
export const flush = async (settings: FlushSettings, units: readonly Unit[]): Promise<Flushed> => {
  const client = await settings.pool.connect();
  if (units.every((unit) => isAppendOnly(settings, unit))) return appendAlone(settings, client, units);
  const { sql, end } = sqlOfTransaction(client);
  let broken: Error | undefined;
  try {
    // Sent together with what follows: waiting for the answer to `begin` would only cost a round trip.
    const begun = client.query('begin');
    const hasAppend = units.some((unit) => unit.streams.length > 0);
    const results = hasAppend ? await after(begun, append(settings, client, units)) : units.map(nothingAppended);
    const { done, isAllSent } = rest(settings, sql, units, results);
    const finished = after(begun, done);
    if (!(await isAllSent)) await finished;
    end();
    const ended = client.query('commit');
    const concluded = await after(
      finished,
      ended.then(assertCommitted).then(() => done),
    );
    return { results, concluded };
  } catch (error) {
    end();
    await client.query('rollback').catch((reason) => {
      broken = reason instanceof Error ? reason : new Error(String(reason));
    });
    throw error;
  } finally {
    client.release(broken);
  }
};

const assertCommitted = ({ command }: { readonly command: string }) => {
  if (command !== 'COMMIT') throw new Error('The transaction was rolled back by the server.');
};

const isAppendOnly = (settings: FlushSettings, unit: Unit): boolean =>
  !unit.outcomes?.length &&
  !unit.consumed?.length &&
  !unit.timers?.length &&
  !unit.checkpoint &&
  !unit.fence &&
  !unit.alongside &&
  unit.streams.every(({ events }) => events.every(({ type }) => !settings.projections.some((p) => p.types.has(type))));

/** The append's own statement is the whole transaction: one round trip instead of two. */
const appendAlone = async (settings: FlushSettings, client: PoolClient, units: readonly Unit[]): Promise<Flushed> => {
  let broken: Error | undefined;
  try {
    return { results: await append(settings, client, units), concluded: [] };
  } catch (error) {
    if (isUnavailable(error)) broken = new Error('The connection is doubtful.', { cause: error });
    throw error;
  } finally {
    client.release(broken);
  }
};

const nothingAppended = (): Committed => ({ status: 'committed', events: [] });

/** Waits for both, then throws what failed first: a later statement of an aborted transaction only says so. */
const after = async <T>(before: Promise<unknown>, work: Promise<T>): Promise<T> => {
  const [first, second] = await Promise.allSettled([before, work]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return second.value;
};

const expectedNumber = (expected: ExpectedVersion): number =>
  expected === 'any' ? -1 : expected === 'exists' ? -2 : expected === 'none' ? 0 : expected;

const append = async (
  settings: FlushSettings,
  client: PoolClient,
  units: readonly Unit[],
): Promise<readonly Committed[]> => {
  const appending = units.filter((unit) => unit.streams.length > 0);
  const streams = appending.flatMap((unit, request) => unit.streams.map((stream) => ({ request, stream })));
  const [first, ...others] = streams;
  if (!first) return units.map(nothingAppended);
  const [event, ...more] = first.stream.events;
  const isOne = event && others.length === 0 && more.length === 0;
  const results = isOne
    ? [await appendOne(settings, client, first.stream, event)]
    : await appendMany(settings, client, appending, streams);
  const resultOf = new Map(appending.map((unit, request) => [unit, results[request]]));
  return units.map((unit) => resultOf.get(unit) ?? nothingAppended());
};

const appendOne = async (
  settings: FlushSettings,
  client: PoolClient,
  { stream, expected }: StreamAppend,
  event: NewEvent,
): Promise<Committed> => {
  const text = `select status, at_version, at_position, tx from ${settings.schema}.append_one(
    $1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9)`;
  const epoch = settings.epoch();
  const { rows } = await client.query({
    name: statementName(text),
    text,
    values: [
      epoch,
      stream,
      expectedNumber(expected),
      event.workspace,
      event.id,
      event.type,
      JSON.stringify(event.data),
      JSON.stringify(metaOf(event)),
      event.time,
    ],
  });
  const answer: { status: string; at_version: number; at_position: string | null; tx: string | null } = rows[0];
  if (answer.status === 'conflict' || answer.status === 'repeat') return { status: answer.status };
  const log = { epoch, tx: BigInt(answer.tx ?? 0), position: BigInt(answer.at_position ?? 0) };
  return { status: 'committed', events: [recordedFrom(event, stream, answer.at_version, log)] };
};

type Placed = { readonly request: number; readonly stream: StreamAppend };

const appendMany = async (
  settings: FlushSettings,
  client: PoolClient,
  units: readonly Unit[],
  streams: readonly Placed[],
): Promise<readonly Committed[]> => {
  const text = `select statuses, versions, positions, tx from ${settings.schema}.append(
    $1, $2::int[], $3::text[], $4::int[], $5::int[],
    $6::int[], $7::text[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::timestamptz[])`;
  const events = streams.flatMap(({ request, stream }) => stream.events.map((event) => ({ request, event })));
  const epoch = settings.epoch();
  const { rows } = await client.query({
    name: statementName(text),
    text,
    values: [
      epoch,
      streams.map((s) => s.request),
      streams.map((s) => s.stream.stream),
      streams.map((s) => expectedNumber(s.stream.expected)),
      streams.map((s) => s.stream.events.length),
      events.map((e) => e.request),
      events.map((e) => e.event.workspace),
      events.map((e) => e.event.id),
      events.map((e) => e.event.type),
      events.map((e) => JSON.stringify(e.event.data)),
      events.map((e) => JSON.stringify(metaOf(e.event))),
      events.map((e) => e.event.time),
    ],
  });
  const answer: { statuses: string[]; versions: number[] | null; positions: string[] | null; tx: string | null } =
    rows[0];
  const log = { epoch, tx: BigInt(answer.tx ?? 0) };
  let taken = 0;
  return units.map((unit, request): Committed => {
    const status = answer.statuses[request];
    if (status === 'conflict' || status === 'repeat') return { status };
    const recorded = unit.streams.flatMap((stream: StreamAppend) =>
      stream.events.map((event): Recorded => {
        const position = BigInt(answer.positions?.[taken] ?? 0);
        const version = answer.versions?.[taken] ?? 0;
        taken += 1;
        return recordedFrom(event, stream.stream, version, { ...log, position });
      }),
    );
    return { status: 'committed', events: recorded };
  });
};

const metaOf = (event: StreamAppend['events'][number]) => ({
  actor: event.actor,
  correlationId: event.correlationId,
  causationId: event.causationId,
  ...(event.traceparent ? { traceparent: event.traceparent } : {}),
});

type Rest = {
  readonly done: Promise<readonly Concluded[]>;
  /** Whether every statement is on its way by now, and none of what sent them has thrown. */
  readonly isAllSent: Promise<boolean>;
};

const rest = (settings: FlushSettings, sql: Sql, units: readonly Unit[], results: readonly Committed[]): Rest => {
  const committed = units.filter((_, index) => results[index]?.status === 'committed');
  const events = results.flatMap((result) => (result.status === 'committed' ? result.events : []));
  const statements: Promise<unknown>[] = [];
  for (const projection of settings.projections) {
    const own = events.filter((event) => projection.types.has(event.type));
    if (own.length > 0) statements.push(projection.apply(own, sql));
  }
  const concluded = outcomes(sql, committed);
  statements.push(concluded, timers(sql, committed));
  for (const unit of committed) if (unit.alongside) statements.push(unit.alongside(sql));
  statements.push(settle(sql, committed));
  const waits = committed.some((unit) => unit.alongside && !unit.sendsAtOnce);
  return {
    done: Promise.allSettled(statements).then((ended) => {
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
      return concluded;
    }),
    isAllSent: waits ? Promise.resolve(false) : noneThrew(statements),
  };
};

/** What threw before its first statement has told so once the microtasks of this turn have run. */
const noneThrew = async (statements: readonly Promise<unknown>[]): Promise<boolean> => {
  let threw = false;
  for (const statement of statements) {
    statement.catch(() => {
      threw = true;
    });
  }
  // Once to be among the microtasks, once more to be behind all of them.
  for (let turn = 0; turn < 2; turn += 1) await new Promise<void>((resolve) => process.nextTick(resolve));
  return !threw;
};

/** Stores outcomes; answers those of commands that had been pending. */
const outcomes = async (sql: Sql, units: readonly Unit[]): Promise<readonly Concluded[]> => {
  const all = [...new Map(units.flatMap((unit) => unit.outcomes ?? []).map((o) => [o.commandId, o])).values()];
  if (all.length === 0) return [];
  const rows = await sql<{ command_id: string; gateway_id: string | null; is_new: boolean }>(
    `insert into commands as c (command_id, workspace, type, status, outcome, gateway_id, concluded_at)
     select id, workspace, type, status, outcome::jsonb, gateway,
       case when status <> 'PENDING' then clock_timestamp() end
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       as o(id, workspace, type, status, outcome, gateway)
     on conflict (command_id) do update
       set status = excluded.status, outcome = excluded.outcome, concluded_at = excluded.concluded_at
       where c.status = 'PENDING'
     returning command_id, gateway_id, (xmax = 0) as is_new`,
    [
      all.map((o) => o.commandId),
      all.map((o) => o.workspace),
      all.map((o) => o.type),
      all.map((o) => o.outcome.status),
      all.map((o) => JSON.stringify(o.outcome)),
      all.map((o) => o.gatewayId ?? null),
    ],
  );
  const outcomeOf = new Map(all.map((o) => [o.commandId, o.outcome]));
  return rows.flatMap((row) => {
    const outcome = outcomeOf.get(row.command_id);
    const wasPending = !row.is_new && outcome !== undefined && outcome.status !== 'PENDING';
    return wasPending ? [{ commandId: row.command_id, gatewayId: row.gateway_id, outcome }] : [];
  });
};

/** Marks, places and fences of all units, in one call. Leases in the order of renewals: see there. */
const settle = async (sql: Sql, units: readonly Unit[]): Promise<void> => {
  const highest = new Map<string, Consumed>();
  for (const mark of units.flatMap((unit) => unit.consumed ?? [])) {
    const key = `${mark.consumer} ${mark.stream}`;
    if ((highest.get(key)?.version ?? 0) < mark.version) highest.set(key, mark);
  }
  const marks = [...highest.values()];
  const places = [
    ...new Map(units.flatMap((u) => (u.checkpoint ? [[u.checkpoint.reader, u.checkpoint]] : []))).values(),
  ];
  const leases = [
    ...new Map(units.flatMap((u) => (u.fence ? [[`${u.fence.name} ${u.fence.epoch}`, u.fence]] : []))).values(),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (marks.length + places.length + leases.length === 0) return;
  await sql(
    `select settle($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
       $9::text[], $10::bigint[])`,
    [
      marks.map((m) => m.consumer),
      marks.map((m) => m.stream),
      marks.map((m) => m.version),
      places.map((p) => p.reader),
      places.map((p) => p.streamCreated),
      places.map((p) => p.sequence),
      places.map((p) => p.eventId),
      leases.map((l) => l.name),
      leases.map((l) => l.holder),
      leases.map((l) => l.epoch.toString()),
    ],
  );
};

const timers = async (sql: Sql, units: readonly Unit[]): Promise<void> => {
  const all = units.flatMap((unit) => unit.timers ?? []);
  const gone = all.filter((timer) => timer.due === null).map((timer) => timer.stream);
  const set = all.flatMap((timer) => (timer.due ? [{ ...timer, due: timer.due }] : []));
  const deleted = gone.length > 0 && sql('delete from timers where stream_id = any($1::text[])', [gone]);
  const inserted =
    set.length > 0 &&
    sql(
      `insert into timers (stream_id, version, workspace, due_at, command_type, data)
     select s, v, w, d, c, x::jsonb from unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
       as t(s, v, w, d, c, x)
     on conflict (stream_id) do update set version = excluded.version, due_at = excluded.due_at,
       command_type = excluded.command_type, data = excluded.data`,
      [
        set.map((t) => t.stream),
        set.map((t) => t.version),
        set.map((t) => t.workspace),
        set.map((t) => t.due.at),
        set.map((t) => t.due.commandType),
        set.map((t) => JSON.stringify(t.due.data)),
      ],
    );
  await Promise.all([deleted, inserted]);
};
