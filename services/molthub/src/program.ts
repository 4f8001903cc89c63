// The program: services on their servers, with their doors; started and stopped in order.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceName } from '@molthub/contracts';
import { createLogger, createMetrics, type Logger, measureProcess, type Metrics } from '@molthub/telemetry';
import { openApi } from './doors.ts';
import type { Settings } from './env.ts';
import { type Addresses, startHosted } from './hosted.ts';
import { assertPortsFree } from './ports.ts';
import { openServers, type Servers } from './servers.ts';
import { divided, startThread } from './thread.ts';

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
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const servers = await openServers(settings, (line) => logger.info(line));
    stops.push(servers.stop);
    const { hosted, thread } = await startServices(settings, names, servers, { logger, metrics });
    stops.push(async () => {
      await Promise.all([hosted.stop(), thread?.stop()]);
    });
    if (thread) metrics.include(thread.metrics);
    const keyPath = join(settings.home, 'admin.key');
    const readiness = async () => [...(await hosted.readiness()), ...((await thread?.readiness()) ?? [])];
    const api = await openApi({ settings, servers, services: hosted.services, readiness, keyPath });
    if (api) stops.push(api.close);
    await writeEndpoints(settings, servers, { apiUrl: api?.url, otlpUrl: hosted.otlpUrl ?? thread?.otlpUrl });
    return { apiUrl: api?.url, keyPath, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** All at once; if one cannot start, the others are stopped again. */
const startServices = async (
  settings: Settings,
  names: readonly ServiceName[],
  servers: Servers,
  parts: { readonly logger: Logger; readonly metrics: Metrics },
) => {
  const addresses: Addresses = Object.fromEntries(
    names.map((name) => [name, { databaseUrl: servers.databases.urlOf(name), natsUrl: servers.natsUrlOf(name) }]),
  );
  const { here, apart } = divided(names);
  // A thread gets copies: of the environment too, which is no plain object.
  const given = { settings: { ...settings, inherited: { ...settings.inherited } }, names: apart, addresses };
  const [hosted, thread] = await Promise.allSettled([
    startHosted(here, { settings, addresses, ...parts }),
    apart.length > 0 ? startThread(given) : undefined,
  ]);
  if (hosted.status === 'fulfilled' && thread.status === 'fulfilled') {
    return { hosted: hosted.value, thread: thread.value };
  }
  if (hosted.status === 'fulfilled') await hosted.value.stop();
  if (thread.status === 'fulfilled') await thread.value?.stop();
  throw hosted.status === 'rejected' ? hosted.reason : thread.status === 'rejected' && thread.reason;
};

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
