import { connect } from 'nats';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { until, withNats, withPostgres } from './index.ts';

const postgres = withPostgres();
const nats = withNats();

test('every database that a test file creates is its own', async () => {
  const first = await postgres.createDatabase();
  const second = await postgres.createDatabase();
  expect(await tables(first.url, 'create table mine (id int)')).toEqual(['mine']);
  expect(await tables(second.url, 'select 1')).toEqual([]);
  await first.drop();
  await expect(tables(first.url, 'select 1')).rejects.toThrow('does not exist');
});

test('a killed Postgres answers again at the same address', async () => {
  const { url } = await postgres.createDatabase();
  await tables(url, 'create table kept (id int)');
  await postgres.kill();
  const found = await until(() => tables(url, 'select 1'), { what: 'Postgres after kill -9' });
  expect(found).toEqual(['kept']);
  expect(postgres.restarts).toBe(1);
});

test('a nats-server that is stopped hard stays down until it is started', async () => {
  await nats.stopHard();
  await expect(connect({ servers: nats.url, timeout: 500, maxReconnectAttempts: 0 })).rejects.toThrow();
  await nats.start();
  const connection = await connect({ servers: nats.url });
  await connection.flush();
  await connection.close();
});

async function tables(url: string, sql: string): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
    const { rows } = await client.query("select tablename from pg_tables where schemaname = 'public'");
    return rows.map((row) => String(row.tablename));
  } finally {
    await client.end();
  }
}
