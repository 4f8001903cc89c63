// A real nats-server with JetStream as a guarded child process on loopback, kept running.
import { realpath } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { spawnGuarded } from './guard.ts';
import { claimDataDirectory, stopLeftover } from './leftover.ts';
import { freePort } from './ports.ts';
import { chooseRunAs, ensureReachableParent, makePrivateDirectory, reachableFile } from './run-as.ts';
import { readIfPresent, writePrivate } from './secret-file.ts';
import type { Log, Supervised } from './supervised.ts';
import { supervise } from './supervised.ts';

/** Subjects a user may publish to and subscribe to; what is not listed is refused. Without it: everything. */
export type NatsPermissions = { readonly publish: readonly string[]; readonly subscribe: readonly string[] };

export type NatsUser = { readonly name: string; readonly password: string; readonly permissions?: NatsPermissions };

export type EmbeddedNats = Supervised & {
  /** `nats://127.0.0.1:<port>`, without credentials: clients give name and password apart. */
  readonly url: string;
  /** The JetStream directory: without it, while the server is down, the bus has lost everything. */
  readonly storeDir: string;
};

export type NatsOptions = {
  /** Holds config (0600, with the passwords), JetStream store and process id. Beside it: `.port`, `.log`, `.lock`. */
  readonly dataDir: string;
  /** The nats-server program, as `findNatsServer` finds it. */
  readonly binary: string;
  /** Fixed port; without it the last one again, else a free one below 32000. */
  readonly port?: number;
  /** `'anonymous'`: anybody on this machine may do anything; for tests only. */
  readonly users: readonly NatsUser[] | 'anonymous';
  readonly log: Log;
  readonly env?: Readonly<Record<string, string | undefined>>;
};

/** An event is at most 512 KiB; headers and a margin come on top. */
const PAYLOAD_BYTES_MAX = 1024 * 1024;

/**
 * Starts nats-server on 127.0.0.1 and keeps it running on that port until `stop()`; it ends with this process, however
 * that ends. One account with JetStream and only the given users; no monitoring port, no websocket, MQTT, leafnode or
 * cluster listener. Throws one clear sentence when the folder or the port cannot be had.
 */
export async function startNats(options: NatsOptions): Promise<EmbeddedNats> {
  const runAs = await chooseRunAs(options.env ?? {});
  const asked = resolve(options.dataDir);
  await ensureReachableParent(asked, runAs);
  const release = await claimDataDirectory(asked, 'NATS');
  try {
    await makePrivateDirectory(asked, runAs);
    const dataDir = await realpath(asked);
    const binary = await reachableFile(options.binary, join(dirname(dataDir), 'nats-program'), runAs);
    const configFile = join(dataDir, 'nats.conf');
    await clearLeftovers(dataDir, configFile);
    const port = options.port ?? (await freePort(Number(await readIfPresent(`${dataDir}.port`))));
    await writePrivate(`${dataDir}.port`, `${port}\n`);
    await writePrivate(configFile, config(dataDir, port, options.users), runAs);
    const server = await supervise({
      name: 'NATS',
      port,
      logFile: `${dataDir}.log`,
      log: options.log,
      release,
      clearLeftovers: () => clearLeftovers(dataDir, configFile),
      launch: () =>
        spawnGuarded({
          command: binary,
          args: ['-c', configFile],
          cwd: dataDir,
          env: { PATH: '/usr/bin:/bin' },
          logFile: `${dataDir}.log`,
          runAs,
          stopSignals: ['TERM', 'TERM'],
        }),
      isReady: () => answers(port),
    });
    return {
      ...server,
      get pid() {
        return server.pid;
      },
      get restarts() {
        return server.restarts;
      },
      url: `nats://127.0.0.1:${port}`,
      storeDir: join(dataDir, 'jetstream'),
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** nats-server reads JSON. Quoted strings are never taken as variables, so no password needs escaping. */
function config(dataDir: string, port: number, users: NatsOptions['users']): string {
  if (users.length === 0) throw new Error('The bus needs at least one user: without any it would admit everybody');
  const accounts =
    users === 'anonymous' ? {} : { accounts: { MOLTHUB: { jetstream: 'enabled', users: users.map(userEntry) } } };
  const values = {
    host: '127.0.0.1',
    port,
    server_name: 'molthub-embedded',
    max_payload: PAYLOAD_BYTES_MAX,
    pid_file: join(dataDir, 'nats.pid'),
    // nats-server itself adds the folder `jetstream`.
    jetstream: { store_dir: dataDir },
    ...accounts,
  };
  return JSON.stringify(values, null, 2);
}

function userEntry({ name, password, permissions }: NatsUser) {
  if (permissions === undefined) return { user: name, password };
  const { publish, subscribe } = permissions;
  return { user: name, password, permissions: { publish: allow(publish), subscribe: allow(subscribe) } };
}

/** nats-server takes an empty list as "everything", so a list of nothing names a subject that nobody uses. */
function allow(subjects: readonly string[]) {
  return { allow: subjects.length === 0 ? ['_nothing'] : subjects };
}

/** nats-server greets every connection with its INFO line, once it is ready for clients. */
async function answers(port: number): Promise<boolean> {
  return new Promise((resolvePromise) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const finish = (answer: boolean) => {
      socket.destroy();
      resolvePromise(answer);
    };
    socket.once('data', (data) => finish(data.toString('latin1').startsWith('INFO ')));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('timeout', () => finish(false));
  });
}

async function clearLeftovers(dataDir: string, configFile: string): Promise<void> {
  const pid = Number(await readIfPresent(join(dataDir, 'nats.pid')));
  if (pid > 0) await stopLeftover(pid, configFile, ['SIGTERM', 'SIGTERM']);
}
