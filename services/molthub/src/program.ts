// The program: services on their servers, with their doors; started and stopped in order.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceName } from '@molthub/contracts';
import { type RunningService, startService } from '@molthub/service';
import { createLogger, createMetrics, measureProcess } from '@molthub/telemetry';
import { traceService } from '@molthub/trace-ingest';
import { definitionOf } from './definitions.ts';
import { openDoors } from './doors.ts';
import type { Settings } from './env.ts';
import { assertPortsFree } from './ports.ts';
import { openServers, type Servers } from './servers.ts';

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
  const stopping = new AbortController();
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const servers = await openServers(settings, (line) => logger.info(line));
    stops.push(servers.stop);
    // Kept by name, because its OTLP door is opened after all services run.
    const trace = traceService();
    const running = await startAll(names, (name) =>
      startService(name === 'trace' ? trace : definitionOf(name, settings, logger, stopping.signal), {
        databaseUrl: servers.databases.urlOf(name),
        natsUrl: servers.natsUrlOf(name),
        logger,
        metrics,
      }),
    );
    stops.push(async () => {
      // In the tick in which the services begin to stop: cut off before, their work would count as failed.
      stopping.abort();
      await Promise.all(running.map((service) => service.stop()));
    });
    const keyPath = join(settings.home, 'admin.key');
    const doors = await openDoors({ settings, servers, running, startOtlp: trace.startOtlp, keyPath });
    stops.push(doors.close);
    await writeEndpoints(settings, servers, doors);
    return { apiUrl: doors.apiUrl, keyPath, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** All at once; if one cannot start, the others are stopped again. */
const startAll = async (
  names: readonly ServiceName[],
  start: (name: ServiceName) => Promise<RunningService>,
): Promise<readonly RunningService[]> => {
  const results = await Promise.allSettled(names.map(start));
  const running = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return running;
  await Promise.all(running.map((service) => service.stop()));
  throw failed.reason;
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
