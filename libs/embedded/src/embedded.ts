// Both embedded servers below one home, with passwords of their own.
import { access, constants } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { EmbeddedNats, NatsPermissions } from './nats.ts';
import { startNats } from './nats.ts';
import { findNatsServer } from './nats-server-binary.ts';
import type { EmbeddedPostgres } from './postgres.ts';
import { startPostgres } from './postgres.ts';
import { chooseRunAs, makePassableDirectory } from './run-as.ts';
import { makeSecretsDirectory, persistentSecret } from './secret-file.ts';
import type { Log } from './supervised.ts';

export type EmbeddedOptions = {
  /**
   * Everything is kept below it. Mode 0700; as root 0710, with the group of the user the servers run as, and it must
   * not be below /root, which that user cannot reach.
   */
  readonly home: string;
  readonly postgresPort?: number;
  readonly natsPort?: number;
  /** Bus users; each gets a generated password, kept in `<home>/secrets/nats-<name>.password`. */
  readonly users: readonly { readonly name: string; readonly permissions?: NatsPermissions }[];
  readonly log: Log;
  /** Read for PATH, NATS_SERVER_BIN and, as root, SUDO_UID, SUDO_GID, SUDO_USER. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

export type Embedded = {
  readonly postgres: EmbeddedPostgres;
  readonly nats: EmbeddedNats;
  /** Password by user name. */
  readonly natsPasswords: ReadonlyMap<string, string>;
  /** Stops NATS, then Postgres: what is still on its way finds its source of truth until the end. */
  stop(): Promise<void>;
};

const USER_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/**
 * Starts Postgres and nats-server below `home` and resolves when both answer. Throws one clear sentence, with nothing
 * left running, when the home cannot be written or a port is taken.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { env, log } = options;
  const home = await prepareHome(options.home, env);
  const secrets = join(home, 'secrets');
  await makeSecretsDirectory(secrets);
  const natsPasswords = new Map<string, string>();
  for (const { name } of options.users) {
    if (!USER_NAME.test(name)) throw new Error(`Bus user "${name}" must match ${USER_NAME.source}`);
    natsPasswords.set(name, await persistentSecret(join(secrets, `nats-${name}.password`)));
  }
  const users = options.users.map((user) => ({ ...user, password: natsPasswords.get(user.name) ?? '' }));
  const [postgresStart, natsStart] = await Promise.allSettled([
    startPostgres({
      dataDir: join(home, 'postgres'),
      passwordFile: join(secrets, 'postgres.password'),
      ...(options.postgresPort === undefined ? {} : { port: options.postgresPort }),
      log,
      env,
    }),
    findNatsServer({ cacheDir: join(home, 'programs'), env, log }).then(({ path }) =>
      startNats({
        dataDir: join(home, 'nats'),
        binary: path,
        ...(options.natsPort === undefined ? {} : { port: options.natsPort }),
        users,
        log,
        env,
      }),
    ),
  ]);
  if (postgresStart.status === 'rejected') {
    if (natsStart.status === 'fulfilled') await natsStart.value.stop();
    throw postgresStart.reason;
  }
  if (natsStart.status === 'rejected') {
    await postgresStart.value.stop();
    throw natsStart.reason;
  }
  const postgres = postgresStart.value;
  const nats = natsStart.value;
  const stop = async () => {
    await nats.stop();
    await postgres.stop();
  };
  return { postgres, nats, natsPasswords, stop };
}

async function prepareHome(path: string, env: EmbeddedOptions['env']): Promise<string> {
  const home = resolve(path);
  const runAs = await chooseRunAs(env);
  try {
    await makePassableDirectory(home, runAs);
    await access(home, constants.W_OK | constants.X_OK);
    return home;
  } catch (cause) {
    // Without a system error it is our own sentence already.
    if (!(cause instanceof Error && 'code' in cause && typeof cause.code === 'string')) throw cause;
    throw new Error(
      `The home ${home} cannot be written (${cause.code}). ` +
        'Give this user the right to write there, or choose another home with MOLTHUB_HOME.',
      { cause },
    );
  }
}
