// Brings one service's schema up to date, under a lock, and refuses a schema newer than itself.
import type { Pool } from 'pg';
import type { Migration } from './migration.ts';
import { inTransaction } from './pool.ts';
import { appendFunctions, identifier, logSchema, settleFunction } from './schema.ts';

/** The role that may read published views, and nothing else. */
export const readerRole = 'molthub_reader';

/**
 * Creates `<schema>` with its log and `<schema>_read` for its published views, then runs each migration not run yet,
 * in order. Throws if the schema was migrated by a newer program: an older one would not know what it finds.
 */
export const migrate = async (pool: Pool, name: string, migrations: readonly Migration[]): Promise<void> => {
  const schema = identifier(name);
  const steps: readonly Migration[] = [
    { name: '0000-log', sql: logSchema(schema) },
    { name: '0000-settle', sql: settleFunction(schema) },
    { name: '0000-append', sql: appendFunctions(schema) },
    ...migrations,
  ];
  await inTransaction(pool, async (sql, client) => {
    await sql('select pg_advisory_xact_lock(hashtextextended($1, 2))', [schema]);
    await client.query(`create schema if not exists ${schema}; create schema if not exists ${schema}_read`);
    await client.query(
      `create table if not exists ${schema}.migrations (name text primary key, at timestamptz not null default now())`,
    );
    const rows = await sql<{ name: string }>(`select name from ${schema}.migrations`);
    const done = new Set(rows.map((row) => row.name));
    const unknown = [...done].filter((step) => !steps.some((s) => s.name === step));
    if (unknown.length > 0) {
      throw new Error(
        `The schema '${schema}' was made by a newer Molthub (it has ${unknown.join(', ')}); start that version, or restore a backup.`,
      );
    }
    await client.query(`set local search_path = ${schema}`);
    for (const step of steps) {
      if (done.has(step.name)) continue;
      await client.query(step.sql);
      await client.query(`insert into ${schema}.migrations (name) values ($1)`, [step.name]);
    }
    await publishLogViews(client, schema);
  });
};

const publishLogViews = async (client: { query: (text: string) => Promise<unknown> }, schema: string) => {
  await client.query(`
    create or replace view ${schema}_read.parked as
      select p.id, p.workspace, p.consumer, p.key, p.event_id, p.type, p.error, p.attempts,
        exists (select from ${schema}.parked f where f.consumer = p.consumer and f.key = p.key and f.ordinal < p.ordinal)
          as behind, p.parked_at
      from ${schema}.parked p;
    create or replace view ${schema}_read.projections as
      select name, generation, status, processed::int as processed, total::int as total, message, updated_at
      from ${schema}.projections;
    create or replace view ${schema}_read.readers as
      select reader, sequence::float8 as sequence, updated_at from ${schema}.checkpoints;
    do $$ begin
      if exists (select from pg_roles where rolname = '${readerRole}') then
        grant usage on schema ${schema}_read to ${readerRole};
        grant select on all tables in schema ${schema}_read to ${readerRole};
      end if;
    end $$;`);
};
