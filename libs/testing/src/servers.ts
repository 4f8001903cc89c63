// Real servers for integration tests: each test file gets its own, which end with it.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedNats, EmbeddedPostgres, NatsUser } from '@molthub/embedded';
import { findNatsServer, startNats, startPostgres } from '@molthub/embedded';
import { Client } from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { environment } from './env.ts';

export type TestDatabase = {
  /** Superuser's address of a database of its own. */
  readonly url: string;
  readonly name: string;
  drop(): Promise<void>;
};

/** `kill()`, `stopHard()`, `start()` and `restarts` are for tests of faults. */
export type TestPostgres = Pick<
  EmbeddedPostgres,
  'url' | 'port' | 'pid' | 'restarts' | 'kill' | 'stopHard' | 'start'
> & {
  createDatabase(): Promise<TestDatabase>;
};

export type TestNats = Pick<
  EmbeddedNats,
  'url' | 'port' | 'pid' | 'restarts' | 'storeDir' | 'kill' | 'stopHard' | 'start'
>;

const FOLDER_PREFIX = 'molthub-test-';
const PROGRAM_CACHE = join(import.meta.dirname, '../../../node_modules/.cache/molthub');

/**
 * A Postgres for this test file, on its own port, without fsync. Call at the top of the file; use it inside tests and
 * hooks. It starts before the first test and is gone after the last.
 */
export function withPostgres(): TestPostgres {
  const running = forThisFile(async (folder) =>
    startPostgres({ dataDir: join(folder, 'postgres'), log: ignore, durable: false, env: environment }),
  );
  return {
    get url() {
      return running().url;
    },
    get port() {
      return running().port;
    },
    get pid() {
      return running().pid;
    },
    get restarts() {
      return running().restarts;
    },
    kill: () => running().kill(),
    stopHard: () => running().stopHard(),
    start: () => running().start(),
    createDatabase: () => createDatabase(running().url),
  };
}

/**
 * A nats-server with JetStream for this test file, with its own port and store. Without `users` everybody may do
 * everything, and clients connect without a name.
 */
export function withNats(options: { readonly users?: readonly NatsUser[] } = {}): TestNats {
  const running = forThisFile(async (folder) => {
    const { path } = await findNatsServer({ cacheDir: PROGRAM_CACHE, env: environment, log: ignore });
    const dataDir = join(folder, 'nats');
    return startNats({ dataDir, binary: path, users: options.users ?? 'anonymous', log: ignore, env: environment });
  });
  return {
    get url() {
      return running().url;
    },
    get port() {
      return running().port;
    },
    get pid() {
      return running().pid;
    },
    get restarts() {
      return running().restarts;
    },
    get storeDir() {
      return running().storeDir;
    },
    kill: () => running().kill(),
    stopHard: () => running().stopHard(),
    start: () => running().start(),
  };
}

/** Registers start and stop with the test file; the result gives the running server. */
function forThisFile<T extends { stop(): Promise<void> }>(start: (folder: string) => Promise<T>): () => T {
  let server: T | null = null;
  let folder: string | null = null;
  beforeAll(async () => {
    refuseDocker(environment['MOLTHUB_TEST_DEPS']);
    await removeAbandonedFolders();
    folder = await mkdtemp(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
    server = await start(folder);
  });
  afterAll(async () => {
    await server?.stop();
    if (folder !== null) await rm(folder, { recursive: true, force: true });
  });
  return () => {
    if (server === null) throw new Error('The test server runs only inside tests and hooks, not while the file loads');
    return server;
  };
}

/** Asked for Docker, tests never fall back silently. */
export function refuseDocker(wanted: string | undefined): void {
  if (wanted === undefined || wanted === '' || wanted === 'auto' || wanted === 'embedded') return;
  if (wanted === 'docker') {
    throw new Error(
      'MOLTHUB_TEST_DEPS=docker needs a Docker engine, and tests on containers are not supported yet. ' +
        'Use MOLTHUB_TEST_DEPS=embedded.',
    );
  }
  throw new Error(`MOLTHUB_TEST_DEPS must be auto, docker or embedded, not "${wanted}"`);
}

/** Folders of test processes that were killed. Their servers ended with them, their files did not. */
async function removeAbandonedFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^molthub-test-(\d+)-/.exec(name)?.[1]);
    if (!(pid > 0) || occupied(pid)) continue;
    // Another user's folder stays, and one that another test process removes at this moment is gone anyway.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(ignore);
  }
}

function occupied(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function createDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await query(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, name, drop: () => query(serverUrl, `drop database if exists ${name} with (force)`) };
}

async function query(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function ignore(): void {
  // Restarts of servers are what a test of faults asks for; others see the server's failure in their own.
}
