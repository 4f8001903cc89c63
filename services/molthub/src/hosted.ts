// Services that run in this thread: started together, asked how they are, stopped together.
import type { ServiceName } from '@molthub/contracts';
import type { Part } from '@molthub/gateway-service';
import { type RunningService, startService } from '@molthub/service';
import type { Logger, Metrics } from '@molthub/telemetry';
import { type TraceService, traceService } from '@molthub/trace-ingest';
import { definitionOf } from './definitions.ts';
import type { Settings } from './env.ts';

/** Where each service finds its servers: its own credentials are in the addresses. */
export type Addresses = Readonly<
  Partial<Record<ServiceName, { readonly databaseUrl: string; readonly natsUrl: string }>>
>;

export type Hosted = {
  readonly services: readonly RunningService[];
  /** Where bots send spans; undefined where trace does not run. */
  readonly otlpUrl: string | undefined;
  readonly readiness: () => Promise<readonly Part[]>;
  readonly stop: () => Promise<void>;
};

/** The doors listen on this machine only. */
export const host = '127.0.0.1';

/** Starts the services named, and the door for spans where trace is one of them. Throws with none left running. */
export const startHosted = async (
  names: readonly ServiceName[],
  parts: {
    readonly settings: Settings;
    readonly addresses: Addresses;
    readonly logger: Logger;
    readonly metrics: Metrics;
  },
): Promise<Hosted> => {
  const { settings, logger, metrics } = parts;
  const stopping = new AbortController();
  // Kept by name, because its OTLP door is opened after all services run.
  const trace = traceService({ backend: settings.backend });
  const services = await startAll(names, (name) => {
    const address = parts.addresses[name];
    if (!address) throw new Error(`No servers are known for ${name}.`);
    const definition = name === 'trace' ? trace : definitionOf(name, settings, logger, stopping.signal);
    return startService(definition, { ...address, logger, metrics });
  });
  const stopServices = async () => {
    // In the tick in which the services begin to stop: cut off before, their work would count as failed.
    stopping.abort();
    await Promise.all(services.map((service) => service.stop()));
  };
  const ofTraces = services.find((service) => service.name === 'trace');
  try {
    const otlp = ofTraces && (await trace.startOtlp({ host, port: settings.otlpPort, runtime: ofTraces.runtime }));
    return {
      services,
      otlpUrl: otlp?.url,
      readiness: () => Promise.all(services.map((service) => readinessOf(service, trace))),
      stop: async () => {
        await otlp?.close();
        await stopServices();
      },
    };
  } catch (error) {
    await stopServices();
    throw error;
  }
};

/** All at once; if one cannot start, the others are stopped again. */
const startAll = async (
  names: readonly ServiceName[],
  start: (name: ServiceName) => Promise<RunningService>,
): Promise<readonly RunningService[]> => {
  const results = await Promise.allSettled(names.map(async (name) => start(name)));
  const running = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return running;
  await Promise.all(running.map((service) => service.stop()));
  throw failed.reason;
};

const readinessOf = async (service: RunningService, trace: TraceService): Promise<Part> => {
  const { name, runtime } = service;
  const problem = await service.problem();
  if (problem !== undefined) return { name, ready: false, detail: problem };
  // A backend of others that is away keeps no work from being taken.
  const forwarding = name === 'trace' ? await trace.forwarding(runtime.reads) : null;
  return { name, ready: true, detail: forwarding === null ? 'takes work' : `takes work; ${forwarding}` };
};
