// A read model's tables stand in a schema of their own, one per generation; views of the service's schema lead to them.
import { identifier, type Projection, readerRole, type Sql } from '@molthub/event-store';
import type { PoolClient } from 'pg';

export const generationSchema = (schema: string, projection: string, generation: number): string =>
  identifier(`${schema}__${projection.replaceAll('-', '_')}_${generation}`);

/** Makes the empty tables of a generation; an unfinished one of an earlier try is thrown away first. */
export const createGeneration = async (
  client: PoolClient,
  schema: string,
  projection: Projection,
  generation: number,
): Promise<string> => {
  const shadow = generationSchema(schema, projection.name, generation);
  await client.query(`drop schema if exists ${shadow} cascade; create schema ${shadow}`);
  await client.query(`set local search_path = ${shadow}`);
  await client.query(projection.tables);
  await client.query(`set local search_path = ${identifier(schema)}`);
  return shadow;
};

/** Leads the service's names and its published views to a generation, inside the caller's transaction. */
export const serveGeneration = async (
  client: PoolClient,
  sql: Sql,
  schema: string,
  projection: Projection,
  shadow: string,
): Promise<void> => {
  const tables = await sql<{ tablename: string }>('select tablename from pg_tables where schemaname = $1', [shadow]);
  for (const view of Object.keys(projection.views)) {
    await client.query(`drop view if exists ${schema}_read.${identifier(view)}`);
  }
  for (const { tablename } of tables) {
    await client.query(`drop view if exists ${schema}.${identifier(tablename)}`);
    await client.query(`create view ${schema}.${tablename} as select * from ${shadow}.${tablename}`);
  }
  await client.query(`set local search_path = ${shadow}, ${schema}`);
  for (const [view, select] of Object.entries(projection.views)) {
    await client.query(`create view ${schema}_read.${view} as ${select}`);
  }
  await client.query(`set local search_path = ${schema}`);
  await client.query(`do $$ begin
    if exists (select from pg_roles where rolname = '${readerRole}') then
      grant select on all tables in schema ${schema}_read to ${readerRole};
    end if;
  end $$`);
};

/** Drops every generation of a projection but the one that serves. */
export const dropOtherGenerations = async (
  sql: Sql,
  client: PoolClient,
  schema: string,
  projection: string,
  kept: string,
) => {
  const prefix = generationSchema(schema, projection, 0).slice(0, -1);
  const rows = await sql<{ nspname: string }>('select nspname from pg_namespace where starts_with(nspname, $1)', [
    prefix,
  ]);
  for (const { nspname } of rows) {
    const isGeneration = /^\d+$/.test(nspname.slice(prefix.length));
    if (isGeneration && nspname !== kept) await client.query(`drop schema ${identifier(nspname)} cascade`);
  }
};
