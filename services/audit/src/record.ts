// Every event becomes one entry and one leaf, in the transaction that consumes it; a repeat becomes none.
import { events, type Recorded, services } from '@molthub/contracts';
import type { Migration, Sql } from '@molthub/event-store';
import type { Listener } from '@molthub/service';
import { type Entry, entryOf, leafOf } from './entry.ts';
import { append } from './merkle.ts';
import { lockFrontier, saveFrontier, treeTables, verifyFrontier } from './tree.ts';

export const migrations: readonly Migration[] = [
  {
    name: '0001_entries',
    sql: `
      create table entries (
        sequence bigint primary key, workspace text not null, id uuid not null, time timestamptz not null,
        actor jsonb not null, action text not null, outcome text not null, resource_type text not null,
        resource_id text not null, diff jsonb not null, correlation_id text not null, causation_id text,
        event_id uuid not null unique, source text not null, hash bytea not null
      );
      create unique index on entries (workspace, id);
      create index on entries (workspace, sequence);
      create index on entries (workspace, resource_id, sequence);
      ${treeTables}
    `,
  },
  {
    // For the history of one action and for counts over time, which need nothing but the index.
    name: '0002_times',
    sql: 'create index entries_times on entries (workspace, action, time) include (outcome)',
  },
];

/** Records events that are not recorded yet, in their order. Must run in one transaction. */
export const record = async (recorded: readonly Recorded[], sql: Sql): Promise<void> => {
  // Sent together: the server runs them in order, so what is known is read under the lock.
  const [frontier, known] = await Promise.all([
    lockFrontier(sql),
    sql<{ event_id: string }>('select event_id from entries where event_id = any($1::uuid[])', [
      recorded.map(({ id }) => id),
    ]),
  ]);
  const seen = new Set(known.map(({ event_id }) => event_id));
  const fresh = recorded.filter(({ id }) => !seen.has(id) && seen.add(id));
  if (fresh.length === 0) return;
  const rows = fresh.map((event, at) => rowOf(entryOf(event), frontier.size + at));
  const grown = append(
    frontier,
    rows.map(({ leaf }) => leaf),
  );
  const inserted = sql(
    `insert into entries (sequence, workspace, id, time, actor, action, outcome, resource_type, resource_id, diff,
       correlation_id, causation_id, event_id, source, hash)
     select sequence, workspace, id, time, actor, action, outcome, resource_type, resource_id,
       coalesce(diff, 'null'), correlation_id, causation_id, event_id, source, decode(hash, 'hex')
     from jsonb_to_recordset($1) as e (sequence bigint, workspace text, id uuid, time timestamptz, actor jsonb,
       action text, outcome text, resource_type text, resource_id text, diff jsonb, correlation_id text,
       causation_id text, event_id uuid, source text, hash text)`,
    [JSON.stringify(rows.map(({ row }) => row))],
  );
  await Promise.all([inserted, saveFrontier(grown.frontier, grown.subtrees, sql)]);
};

const rowOf = (entry: Entry, sequence: number) => {
  const leaf = leafOf(entry, sequence);
  const { resource, correlationId, causationId, eventId, ...same } = entry;
  const row = {
    ...same,
    sequence,
    resource_type: resource.type,
    resource_id: resource.id,
    correlation_id: correlationId,
    causation_id: causationId,
    event_id: eventId,
    hash: leaf.toString('hex'),
  };
  return { leaf, row };
};

const isRecorded = (type: string): boolean => !type.startsWith('audit.') && !type.startsWith('trace.window.');

/** Batches that share a transaction take turns in it: the second must see the places that the first one took. */
const turns = new WeakMap<Sql, Promise<void>>();
const inTurn = (sql: Sql, work: () => Promise<void>): Promise<void> => {
  const turn = (turns.get(sql) ?? Promise.resolve()).then(work);
  turns.set(sql, turn);
  return turn;
};

/**
 * One listener per service, since a stream's name is its own only within its service. Audit's own events are left out,
 * or recording would never end; trace windows are measurements, not acts, and by type they are not even read.
 */
export const listeners = (): readonly Listener[] => {
  let verified = false;
  const apply = async (recorded: readonly Recorded[], sql: Sql): Promise<void> => {
    if (!verified) {
      await verifyFrontier(await lockFrontier(sql), sql);
      verified = true;
    }
    await record(
      recorded.filter(({ type }) => isRecorded(type)),
      sql,
    );
  };
  const ofTraces = events.map(({ type }) => type).filter((type) => type.startsWith('trace.') && isRecorded(type));
  return services
    .filter((service) => service !== 'audit')
    .map((service) => ({
      name: `record-${service}`,
      sources: [service],
      ...(service === 'trace' ? { types: ofTraces } : {}),
      dropsRepeats: true,
      apply: (recorded: readonly Recorded[], sql: Sql) => inTurn(sql, () => apply(recorded, sql)),
    }));
};
