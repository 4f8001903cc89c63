// A real Postgres as a guarded child process on loopback, kept running.
import { execFile } from 'node:child_process';
import { readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { spawnGuarded } from './guard.ts';
import { claimDataDirectory, occupiesId, stopLeftover } from './leftover.ts';
import { freePort } from './ports.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { findPostgres } from './postgres-binaries.ts';
import type { RunAs } from './run-as.ts';
import { chooseRunAs, ensureReachableParent, makePrivateDirectory, spawnIdentity } from './run-as.ts';
import { persistentSecret, readIfPresent, writePrivate } from './secret-file.ts';
import type { Log, Supervised } from './supervised.ts';
import { supervise } from './supervised.ts';

const run = promisify(execFile);

export type EmbeddedPostgres = Supervised & {
  /** Superuser's address of the database `molthub`, password included: never to be logged. */
  readonly url: string;
  readonly password: string;
};

export type PostgresOptions = {
  /** The cluster's folder. Beside it: `.password`, `.port`, `.log`, `.lock`. Created when missing. */
  readonly dataDir: string;
  /** Where the generated superuser password is kept (0600); without it beside the data directory. */
  readonly passwordFile?: string;
  /** Fixed port; without it the last one again, else a free one below 32000. */
  readonly port?: number;
  readonly log: Log;
  /**
   * False turns fsync and full_page_writes off, for tests: a commit survives a kill of Postgres but not of the machine.
   * synchronous_commit stays on, since without it a killed Postgres forgets its last commits.
   */
  readonly durable?: boolean;
  /** Read for PATH and, as root, SUDO_UID, SUDO_GID, SUDO_USER. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

/**
 * Starts Postgres 17 or 18 on 127.0.0.1 and keeps it running on that port until `stop()`. It ends with this process,
 * however that ends. Recovers what a crash left: a running server, a stale lock, a half made cluster. As root it runs
 * as another user (see `chooseRunAs`). Throws one clear sentence when the folder or the port cannot be had.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { env = {}, durable = true } = options;
  const runAs = await chooseRunAs(env);
  const asked = resolve(options.dataDir);
  await ensureReachableParent(asked, runAs);
  // Postgres reports the real path, and leftovers are recognised by it.
  const dataDir = join(await realpath(dirname(asked)), basename(asked));
  const release = await claimDataDirectory(dataDir, 'Postgres');
  try {
    const copyTo = join(dirname(dataDir), 'postgres-programs');
    const binaries = await findPostgres({ env, copyTo, runAs });
    const password = await persistentSecret(options.passwordFile ?? `${dataDir}.password`);
    await clearLeftovers(dataDir, runAs);
    await ensureCluster(dataDir, binaries, password, runAs, durable);
    const port = options.port ?? (await freePort(Number(await readIfPresent(`${dataDir}.port`))));
    await writePrivate(`${dataDir}.port`, `${port}\n`);
    const server = await supervise({
      name: 'Postgres',
      port,
      logFile: `${dataDir}.log`,
      log: options.log,
      release,
      clearLeftovers: () => clearLeftovers(dataDir, runAs),
      launch: () =>
        spawnGuarded({
          command: binaries.postgres,
          args: ['-D', dataDir, ...settings(port, durable)],
          cwd: dataDir,
          env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
          logFile: `${dataDir}.log`,
          runAs,
          // SIGINT: end the sessions and stop cleanly. SIGQUIT: stop at once, recover at the next start.
          stopSignals: ['INT', 'QUIT'],
        }),
      isReady: (pid) => isReady(dataDir, pid),
    });
    const address = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
    await ensureDatabase(address('postgres')).catch(async (cause: unknown) => {
      await server.stop();
      throw new Error(`Postgres on port ${port} started, but its database molthub could not be opened`, { cause });
    });
    return {
      ...server,
      get pid() {
        return server.pid;
      },
      get restarts() {
        return server.restarts;
      },
      url: address('molthub'),
      password,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Creates the cluster beside its place and moves it there whole, so that a crash leaves none that is half made. */
async function ensureCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  password: string,
  runAs: RunAs,
  durable: boolean,
): Promise<void> {
  const version = await readIfPresent(join(dataDir, 'PG_VERSION'));
  if (version !== null) {
    if (Number(version) === binaries.major) return;
    throw new Error(
      `${dataDir} was made by Postgres ${version.trim()}, but the one found here is ${binaries.major} ` +
        `(${binaries.postgres}). Use version ${version.trim()}, or move the data with pg_dump.`,
    );
  }
  // A cluster of ours gets its place whole, so whatever lies there is somebody else's, or what is left of a damaged one.
  const found = await readdir(dataDir).catch(ignoreMissing);
  if (found.length > 0) {
    throw new Error(`${dataDir} holds something else than a Postgres cluster. Move it away, or choose another home.`);
  }
  // A name of our own: an initdb whose parent was killed may still be writing into the folder it was given.
  const unfinished = `${dataDir}.new.${process.pid}`;
  const passwordFile = `${unfinished}.password`;
  for (const name of await readdir(dirname(dataDir))) {
    if (!name.startsWith(`${basename(dataDir)}.new.`)) continue;
    await rm(join(dirname(dataDir), name), { recursive: true, force: true });
  }
  await makePrivateDirectory(unfinished, runAs);
  await writePrivate(passwordFile, `${password}\n`, runAs);
  try {
    await run(
      binaries.initdb,
      ['-D', unfinished, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8']
        .concat(['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-instructions'])
        .concat(durable ? [] : ['--no-sync']),
      { cwd: unfinished, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' }, ...spawnIdentity(runAs) },
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(unfinished, dataDir);
}

function ignoreMissing(error: unknown): string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
}

/** Sized for a laptop with two cores; every other setting is Postgres's own default. */
function settings(port: number, durable: boolean): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    max_connections: '120',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Neither statements nor the values in them belong in a log.
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Postgres itself writes its state into the eighth line of its lock file. */
async function isReady(dataDir: string, pid: number): Promise<boolean> {
  const lines = (await readIfPresent(join(dataDir, 'postmaster.pid')))?.split('\n') ?? [];
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/** A process id above every system's maximum. */
const NO_PROCESS = 99_999_999;

async function clearLeftovers(dataDir: string, runAs: RunAs): Promise<void> {
  const path = join(dataDir, 'postmaster.pid');
  const [first = '', ...rest] = (await readIfPresent(path))?.split('\n') ?? [];
  const pid = Number(first);
  if (!(pid > 0)) return;
  await stopLeftover(pid, dataDir, ['SIGINT', 'SIGQUIT']);
  // A zombie or a stranger with the old id would keep Postgres from starting. Only the id goes: the rest of the file
  // lets Postgres see whether sessions of the killed server still run on its memory.
  if (occupiesId(pid) && (await readIfPresent(path)) !== null) {
    await writePrivate(path, [String(NO_PROCESS), ...rest].join('\n'), runAs);
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query("select 1 from pg_database where datname = 'molthub'");
    if (rowCount === 0) await client.query('create database molthub');
  } finally {
    await client.end();
  }
}
