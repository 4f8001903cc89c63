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
  const thread = apart.length > 0 ? openThread() : undefined;
  if (thread) metrics.include(thread.metrics);
  let servers: Servers | undefined;
  let hosted: Hosted | undefined;
  let api: Api | undefined;
  const stop = async () => {
    await api?.close();
    const [problem] = await Promise.all([thread?.stop(), hosted?.stop()]);
    if (problem !== undefined) logger.warn({ problem }, 'services did not stop by themselves');
    await servers?.stop();
  };
  try {
    servers = await openServers(settings, (line) => logger.info(line));
    const addresses = addressesOf(names, servers);
    // Copied to the thread; the environment is no plain object.
    const given = { settings: { ...settings, inherited: { ...settings.inherited } }, names: apart, addresses };
    const [own, others] = await Promise.allSettled([
      startHosted(here, { settings, addresses, logger, metrics }),
      thread?.start(given),
    ]);
    if (own.status === 'fulfilled') hosted = own.value;
    if (own.status === 'rejected') throw own.reason;
    if (others.status === 'rejected') throw others.reason;
    const { services, readiness: ownReadiness } = own.value;
    const readiness = async () => [...(await ownReadiness()), ...((await thread?.readiness()) ?? [])];
    const keyPath = join(settings.home, 'admin.key');
    api = await openApi({ settings, servers, services, readiness, keyPath });
    await writeEndpoints(settings, servers, { apiUrl: api?.url, otlpUrl: own.value.otlpUrl ?? others.value });
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
