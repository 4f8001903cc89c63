// Real servers for a measurement, in a folder that goes with it: Postgres as durable as in production.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedNats, type EmbeddedPostgres, findNatsServer, startNats, startPostgres } from '@molthub/embedded';
import { environment } from './env.ts';

export type Servers = {
  readonly postgres: EmbeddedPostgres;
  readonly nats: EmbeddedNats;
  readonly urls: { readonly databaseUrl: string; readonly natsUrl: string };
};

const programCache = join(import.meta.dirname, '../../node_modules/.cache/molthub');

/** Starts both, runs `work`, and stops them whatever happened. */
export const withServers = async <T>(work: (servers: Servers) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'molthub-bench-'));
  const log = () => undefined;
  try {
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), log, durable: true, env: environment });
    try {
      const { path } = await findNatsServer({ cacheDir: programCache, env: environment, log });
      const nats = await startNats({
        dataDir: join(folder, 'nats'),
        binary: path,
        users: 'anonymous',
        log,
        env: environment,
      });
      try {
        return await work({ postgres, nats, urls: { databaseUrl: postgres.url, natsUrl: nats.url } });
      } finally {
        await nats.stop();
      }
    } finally {
      await postgres.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
