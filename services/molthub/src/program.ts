// The program: services on their servers, with their doors; started and stopped in order.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceName } from '@molthub/contracts';
import { createLogger, createMetrics, measureProcess } from '@molthub/telemetry';
import { type Api, openApi } from './doors.ts';
import type { Settings } from './env.ts';
import { type Addresses, type Hosted, startHosted } from './hosted.ts';
import { assertPortsFree } from './ports.ts';
import { openServers, type Servers } from './servers.ts';
import { divided, openThread } from './thread.ts';

export type Program = {
  /** Undefined when the gateway does not run in this process. */
  readonly apiUrl: string | undefined;
  readonly keyPath: string;
  readonly stop: () => Promise<void>;
};

/** Starts the services named and resolves when all take work. Throws one clear line, with nothing left running. */
export const startProgram = async (settings: Settings, names: readonly ServiceName[]): Promise<Program> => {
  await assertPortsFree(settings.home, [
    ...(names.includes('gateway') ? [{ port: settings.port, variable: 'MOLTHUB_PORT' }] : []),
    ...(names.includes('trace') ? [{ port: settings.otlpPort, variable: 'MOLTHUB_OTLP_PORT' }] : []),
  ]);
  const logger = createLogger('molthub', settings.logLevel);
  const metrics = createMetrics();
  measureProcess(metrics);
  const { here, apart } = divided(names);
  const threads = apart.map((own) => openThread(own));
  for (const thread of threads) metrics.include(thread.metrics);
  let servers: Servers | undefined;
  let hosted: Hosted | undefined;
  let api: Api | undefined;
  const stop = async () => {
    await api?.close();
    const [problems] = await Promise.all([Promise.all(threads.map((thread) => thread.stop())), hosted?.stop()]);
    for (const problem of problems) {
      if (problem !== undefined) logger.warn({ problem }, 'services did not stop by themselves');
    }
    await servers?.stop();
  };
  try {
    servers = await openServers(settings, (line) => logger.info(line));
    const addresses = addressesOf(names, servers);
    // Copied to the thread; the environment is no plain object.
    const given = { settings: { ...settings, inherited: { ...settings.inherited } }, addresses };
    const [[own], others] = await Promise.all([
      Promise.allSettled([startHosted(here, { settings, addresses, logger, metrics })]),
      Promise.allSettled(threads.map((thread) => thread.start(given))),
    ]);
    if (own.status === 'fulfilled') hosted = own.value;
    if (own.status === 'rejected') throw own.reason;
    for (const other of others) if (other.status === 'rejected') throw other.reason;
    const otlpUrls = [
      own.value.otlpUrl,
      ...others.map((other) => (other.status === 'fulfilled' ? other.value : undefined)),
    ];
    const { services, readiness: ownReadiness } = own.value;
    const readiness = async () => [
      ...(await ownReadiness()),
      ...(await Promise.all(threads.map((thread) => thread.readiness()))).flat(),
    ];
    const keyPath = join(settings.home, 'admin.key');
    api = await openApi({ settings, servers, services, readiness, keyPath });
    await writeEndpoints(settings, servers, { apiUrl: api?.url, otlpUrl: otlpUrls.find((url) => url !== undefined) });
    return { apiUrl: api?.url, keyPath, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const addressesOf = (names: readonly ServiceName[], { databases, natsUrlOf }: Servers): Addresses =>
  Object.fromEntries(names.map((name) => [name, { databaseUrl: databases.urlOf(name), natsUrl: natsUrlOf(name) }]));

const writeEndpoints = async (
  settings: Settings,
  servers: Servers,
  doors: { readonly apiUrl: string | undefined; readonly otlpUrl: string | undefined },
) => {
  const endpoints = {
    api: doors.apiUrl,
    otlp: doors.otlpUrl,
    nats: servers.operator.nats,
    postgres: servers.operator.postgres,
  };
  await writeFile(join(settings.home, 'endpoints.json'), `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
};
