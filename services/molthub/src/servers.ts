// The two servers everything stands on: the ones named in the environment, or embedded ones below the home.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ServiceName } from '@molthub/contracts';
import { startEmbedded } from '@molthub/embedded';
import { busUsers } from './bus-users.ts';
import type { Settings } from './env.ts';
import { type Databases, OtherSecret, provisionRoles, type RolesSecret } from './postgres-roles.ts';

export type Servers = {
  readonly databases: Databases;
  readonly natsUrlOf: (service: ServiceName) => string;
  /** Credentials of a person at this machine, for `endpoints.json`. */
  readonly operator: { readonly nats: string; readonly postgres: string };
  readonly stop: () => Promise<void>;
};

/** Starts or reaches the servers. Throws one clear line when that cannot be. */
export const openServers = async (settings: Settings, log: (line: string) => void): Promise<Servers> => {
  const { databaseUrl, natsUrl } = settings;
  if (databaseUrl && natsUrl) return external(settings.home, databaseUrl, natsUrl);
  if (databaseUrl || natsUrl) {
    throw new Error('set both DATABASE_URL and NATS_URL, or neither: Molthub brings its own servers as a pair.');
  }
  const embedded = await startEmbedded({
    home: settings.home,
    ...(settings.postgresPort === 0 ? {} : { postgresPort: settings.postgresPort }),
    ...(settings.natsPort === 0 ? {} : { natsPort: settings.natsPort }),
    users: busUsers,
    env: settings.inherited,
    log,
  });
  const natsUrlOf = (user: string) => withCredentials(embedded.nats.url, user, embedded.natsPasswords.get(user) ?? '');
  const databases = await provisionRoles(embedded.postgres.url, await secretOf(settings.home));
  return {
    databases,
    natsUrlOf,
    operator: { nats: natsUrlOf('operator'), postgres: databases.readerUrl },
    stop: () => embedded.stop(),
  };
};

const external = async (home: string, databaseUrl: string, natsUrl: string): Promise<Servers> => {
  const databases = await provisionRoles(databaseUrl, await secretOf(home)).catch((error: unknown) => {
    if (error instanceof OtherSecret) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const what = `DATABASE_URL: Postgres at ${hostOf(databaseUrl)} does not do (${reason}); is it running, and is the address right?`;
    throw new Error(what, { cause: error });
  });
  await assertReachable(natsUrl);
  return {
    databases,
    natsUrlOf: () => natsUrl,
    operator: { nats: natsUrl, postgres: databases.readerUrl },
    stop: async () => undefined,
  };
};

/** The client would wait for ever for a server that is not there; a start says so instead. */
const assertReachable = async (natsUrl: string): Promise<void> => {
  const { hostname, port, host } = new URL(natsUrl);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port || 4222), timeout: 3_000 });
    const fail = (reason: string) => {
      socket.destroy();
      reject(
        new Error(
          `NATS_URL: nothing answers at ${host} (${reason}); is nats-server running, and is the address right?`,
        ),
      );
    };
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => fail('no answer in 3 s'));
    socket.once('error', (error) => fail(error.message));
  });
};

const secretOf = async (home: string): Promise<RolesSecret> => {
  const folder = join(home, 'secrets');
  const path = join(folder, 'roles.secret');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await writeFile(path, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  // A copied one may have got a line break at its end.
  return { text: (await readFile(path, 'utf8')).trim(), path };
};

const withCredentials = (url: string, user: string, password: string): string => {
  const parsed = new URL(url);
  parsed.username = user;
  parsed.password = password;
  return parsed.href;
};

/** A server's address without its credentials, for messages. */
const hostOf = (url: string): string => new URL(url).host;
