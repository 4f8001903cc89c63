// A whole service on real servers, and a way to command it: for tests of services.
import { type Bus, type Commander, createCommander, openBus } from '@molthub/bus';
import type { Command, CommandDefinition, CommandOf, Outcome, ServiceName } from '@molthub/contracts';
import { newId } from '@molthub/identity';
import { createLogger, createMetrics } from '@molthub/telemetry';
import type { ServiceDefinition } from './definition.ts';
import { type RunningService, type ServiceSettings, startService } from './start.ts';

export { startTestProcess, type TestProcess } from './test-process.ts';

/** `now`: a clock that the test moves. */
export const startTestService = (
  definition: ServiceDefinition,
  settings: Pick<ServiceSettings, 'databaseUrl' | 'natsUrl' | 'now' | 'leaseDurations'>,
): Promise<RunningService> =>
  startService(definition, { ...settings, logger: createLogger(definition.name, 'error'), metrics: createMetrics() });

/** A service that owns its names and does nothing by itself: for what a test says in its place, and for what waits for it. */
export const silentService = (name: ServiceName): ServiceDefinition => ({
  name,
  migrations: [],
  aggregates: [],
  projections: [],
  reactions: [],
  listeners: [],
  queries: [],
  jobs: [],
});

export type TestCaller = {
  readonly commander: Commander;
  readonly bus: Bus;
  /** Sends over the bus as the gateway does, and answers the final outcome; null after `timeoutMs` (10 s). */
  readonly send: <D extends CommandDefinition>(
    definition: D,
    data: CommandOf<D>['data'],
    options?: { readonly id?: string; readonly workspace?: string; readonly timeoutMs?: number },
  ) => Promise<Outcome | null>;
  readonly close: () => Promise<void>;
};

/** A caller on the bus in the gateway's place; `now`: a clock that the test moves. */
export const openTestCaller = async (natsUrl: string, now = () => new Date()): Promise<TestCaller> => {
  const bus = await openBus({ url: natsUrl, name: 'test caller', onStatus: () => undefined });
  const commander = createCommander(bus, `test-${newId()}`);
  return {
    bus,
    commander,
    send: (definition, data, options = {}) =>
      commander.request(
        { ...testCommand(definition.type, data, options), time: now().toISOString() },
        { timeoutMs: options.timeoutMs ?? 10_000 },
      ),
    close: async () => {
      commander.close();
      await bus.close();
    },
  };
};

export const testCommand = (
  type: string,
  data: unknown,
  options: { readonly id?: string; readonly workspace?: string } = {},
): Command => {
  const id = options.id ?? newId();
  return {
    id,
    type,
    data,
    workspace: options.workspace ?? 'default',
    actor: { kind: 'user', id: 'test', name: 'Test' },
    correlationId: id,
    causationId: null,
    time: new Date().toISOString(),
    records: true,
  };
};
