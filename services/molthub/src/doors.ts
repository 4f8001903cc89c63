// The two doors of the outside: the gateway's HTTP API, and OTLP for bots.
import { join } from 'node:path';
import { type Commander, createCommander } from '@molthub/bus';
import { ensureAdminKey, ensureGatewaySecret, type Part, startGateway } from '@molthub/gateway-service';
import { newId } from '@molthub/identity';
import type { RunningService } from '@molthub/service';
import type { OtlpServer } from '@molthub/trace-ingest';
import { traceService } from '@molthub/trace-ingest';
import type { Settings } from './env.ts';
import type { Servers } from './servers.ts';

export type Doors = {
  /** Undefined where the gateway does not run in this process. */
  readonly apiUrl: string | undefined;
  readonly otlpUrl: string | undefined;
  readonly close: () => Promise<void>;
};

const host = '127.0.0.1';

/** Opens the doors of those services that run here. */
export const openDoors = async (parts: {
  readonly settings: Settings;
  readonly servers: Servers;
  readonly running: readonly RunningService[];
  readonly startOtlp: ReturnType<typeof traceService>['startOtlp'];
  readonly keyPath: string;
}): Promise<Doors> => {
  const { settings, running } = parts;
  const find = (name: string) => running.find((service) => service.name === name);
  const trace = find('trace');
  const gateway = find('gateway');
  let otlp: OtlpServer | undefined;
  if (trace) otlp = await parts.startOtlp({ host, port: settings.otlpPort, runtime: trace.runtime });
  const api = gateway ? await openApi(parts, gateway) : undefined;
  return {
    apiUrl: api?.url,
    otlpUrl: otlp?.url,
    close: async () => {
      await api?.close();
      await otlp?.close();
    },
  };
};

const openApi = async (
  { settings, servers, running, keyPath }: Parameters<typeof openDoors>[0],
  gateway: RunningService,
) => {
  const secret = await ensureGatewaySecret(join(settings.home, 'secrets', 'gateway.secret'));
  await ensureAdminKey({ path: keyPath, runtime: gateway.runtime, secret });
  const commander: Commander = createCommander(gateway.bus, newId());
  const api = await startGateway({
    runtime: gateway.runtime,
    commander,
    readerUrl: servers.databases.readerUrl,
    secret,
    host,
    port: settings.port,
    readiness: () => readinessOf(running, gateway),
  });
  return {
    url: api.url,
    close: async () => {
      await api.close();
      commander.close();
    },
  };
};

const readinessOf = async (running: readonly RunningService[], gateway: RunningService): Promise<readonly Part[]> => {
  const isConnected = gateway.bus.isConnected();
  const nats = { name: 'nats', ready: isConnected, detail: isConnected ? 'connected' : 'not connected' };
  const [postgres, ...ofServices] = await Promise.all([postgresOf(gateway), ...running.map(serviceOf)]);
  return [postgres, nats, ...ofServices];
};

const serviceOf = async (service: RunningService): Promise<Part> => {
  const problem = await service.problem();
  return { name: service.name, ready: problem === undefined, detail: problem ?? 'takes work' };
};

const postgresOf = async ({ runtime }: RunningService): Promise<Part> => {
  try {
    await runtime.reads('select 1');
    return { name: 'postgres', ready: true, detail: 'answers' };
  } catch (error) {
    return { name: 'postgres', ready: false, detail: error instanceof Error ? error.message : String(error) };
  }
};
