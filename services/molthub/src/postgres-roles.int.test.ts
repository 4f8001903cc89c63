import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withPostgres } from '@molthub/testing';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import type { Settings } from './env.ts';
import { provisionRoles } from './postgres-roles.ts';
import { openServers } from './servers.ts';

const postgres = withPostgres();
const first = { text: 'first', path: '/first/secrets/roles.secret' };
const second = { text: 'second', path: '/second/secrets/roles.secret' };

const ask = async (url: string, statement: string): Promise<readonly unknown[]> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
};

/** Roles belong to the whole server, so each test begins with what one before it may have left there. */
const forget = (url: string) =>
  ask(
    url,
    "do $$ begin if to_regrole('molthub_reader') is not null then comment on role molthub_reader is null; end if; end $$",
  );

test('another secret is refused, and the roles keep the passwords they have', async () => {
  const database = await postgres.createDatabase();
  await forget(database.url);
  const { urlOf, readerUrl } = await provisionRoles(database.url, first);
  await expect(provisionRoles(database.url, second)).rejects.toThrow(
    'copy secrets/roles.secret from the home of the first machine to /second/secrets/roles.secret',
  );
  for (const url of [urlOf('config'), readerUrl]) expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(await provisionRoles(database.url, first)).toMatchObject({ readerUrl });
});

test('a second database of the server has the same roles, and refuses another secret too', async () => {
  const [one, other] = [await postgres.createDatabase(), await postgres.createDatabase()];
  await forget(one.url);
  await provisionRoles(one.url, first);
  await expect(provisionRoles(other.url, second)).rejects.toThrow('roles.secret');
  await provisionRoles(other.url, first);
});

test('roles from before there was a fingerprint take that of the next start', async () => {
  const database = await postgres.createDatabase();
  await forget(database.url);
  await provisionRoles(database.url, first);
  await ask(database.url, 'comment on role molthub_reader is null');
  await provisionRoles(database.url, first);
  await expect(provisionRoles(database.url, second)).rejects.toThrow('roles.secret');
});

test('a machine with a home of its own is told which file to copy, and starts when it has it', async () => {
  const database = await postgres.createDatabase();
  await forget(database.url);
  const homes = [await mkdtemp(join(tmpdir(), 'molthub-a-')), await mkdtemp(join(tmpdir(), 'molthub-b-'))] as const;
  const secretIn = (home: string) => join(home, 'secrets/roles.secret');
  // Postgres is looked at first: that nothing answers on the bus shows that its roles were taken.
  const start = (home: string) =>
    openServers({ ...settings, home, databaseUrl: database.url, natsUrl: 'nats://127.0.0.1:1' }, () => undefined);
  await expect(start(homes[0])).rejects.toThrow(/^NATS_URL: /);
  await expect(start(homes[1])).rejects.toThrow(
    new RegExp(`^the roles .* of the first machine to ${secretIn(homes[1])}.$`),
  );
  // As an editor or a secret store leaves it.
  await writeFile(secretIn(homes[1]), `${await readFile(secretIn(homes[0]), 'utf8')}\n`);
  await expect(start(homes[1])).rejects.toThrow(/^NATS_URL: /);
  for (const home of homes) await rm(home, { recursive: true });
});

const settings: Settings = {
  home: '',
  port: 0,
  otlpPort: 0,
  postgresPort: 0,
  natsPort: 0,
  logLevel: 'error',
  probeIntervalMs: 1_000,
  lifelineFd: undefined,
  databaseUrl: undefined,
  natsUrl: undefined,
  botEnv: {},
  backend: null,
  allowsPrivateWebhooks: false,
  webhookKey: null,
  inherited: {},
};
