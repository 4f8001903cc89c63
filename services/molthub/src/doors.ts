// The door of the outside to the gateway: its HTTP API.
import { join } from 'node:path';
import { createCommander } from '@molthub/bus';
import { ensureAdminKey, ensureGatewaySecret, type Part, startGateway } from '@molthub/gateway-service';
import { newId } from '@molthub/identity';
import type { RunningService } from '@molthub/service';
import type { Settings } from './env.ts';
import { host } from './hosted.ts';
import type { Servers } from './servers.ts';

export type Api = { readonly url: string; readonly close: () => Promise<void> };

/** Opens it where the gateway runs in this process; `readiness` tells of all services. */
export const openApi = async (parts: {
  readonly settings: Settings;
  readonly servers: Servers;
  readonly services: readonly RunningService[];
  readonly readiness: () => Promise<readonly Part[]>;
  readonly keyPath: string;
}): Promise<Api | undefined> => {
  const { settings, servers, keyPath } = parts;
  const gateway = parts.services.find((service) => service.name === 'gateway');
  if (!gateway) return undefined;
  const secret = await ensureGatewaySecret(join(settings.home, 'secrets', 'gateway.secret'));
  await ensureAdminKey({ path: keyPath, runtime: gateway.runtime, secret });
  const commander = createCommander(gateway.bus, newId());
  const api = await startGateway({
    runtime: gateway.runtime,
    commander,
    readerUrl: servers.databases.readerUrl,
    secret,
    host,
    port: settings.port,
    readiness: async () => [...(await serversOf(gateway)), ...(await parts.readiness())],
  });
  return {
    url: api.url,
    close: async () => {
      await api.close();
      commander.close();
    },
  };
};

const serversOf = async (gateway: RunningService): Promise<readonly Part[]> => {
  const isConnected = gateway.bus.isConnected();
  const nats = { name: 'nats', ready: isConnected, detail: isConnected ? 'connected' : 'not connected' };
  return [await postgresOf(gateway), nats];
};

const postgresOf = async ({ runtime }: RunningService): Promise<Part> => {
  try {
    await runtime.reads('select 1');
    return { name: 'postgres', ready: true, detail: 'answers' };
  } catch (error) {
    return { name: 'postgres', ready: false, detail: error instanceof Error ? error.message : String(error) };
  }
};
