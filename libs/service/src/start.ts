// Starts a service: migrate → read models → relay → readers → timers and jobs → commands; stops in the reverse order.
import { hostname } from 'node:os';
import { type Bus, openBus } from '@molthub/bus';
import { type Command, type Outcome, type ServiceName, services } from '@molthub/contracts';
import {
  createLeases,
  createLoader,
  createPool,
  inTransaction,
  type Lease,
  type Leases,
  type Loader,
  type Log,
  migrate,
  openLog,
} from '@molthub/event-store';
import { newId } from '@molthub/identity';
import { serveProjections } from '@molthub/projections';
import type { Logger, Metrics } from '@molthub/telemetry';
import type { Pool } from 'pg';
import { runCommandTaker } from './command-taker.ts';
import type { Job, ServiceDefinition } from './definition.ts';
import { createExecutor, type Executor } from './executor.ts';
import { registerGauges } from './gauges.ts';
import { listeningOf } from './listeners.ts';
import { createOperations } from './operations.ts';
import { forever, isAborted } from './patience.ts';
import { readingOf } from './reactions.ts';
import { runReader } from './reader.ts';
import { runRelaying } from './relaying.ts';
import { runRetention } from './retention.ts';
import type { Runtime } from './runtime.ts';
import { runTimers } from './timers.ts';

export type ServiceSettings = {
  readonly databaseUrl: string;
  readonly natsUrl: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Connections to Postgres; 4 by default. */
  readonly connectionsMax?: number;
  /** How long leases last; for tests of lost ones. */
  readonly leaseDurations?: Parameters<typeof createLeases>[3];
  /** What time it is; for tests that move it. */
  readonly now?: () => Date;
};

export type RunningService = {
  readonly name: ServiceName;
  readonly runtime: Runtime;
  readonly bus: Bus;
  readonly log: Log;
  /** Undefined when the service can work, else why it cannot. */
  readonly problem: () => Promise<string | undefined>;
  readonly stop: () => Promise<void>;
};

/** Starts `definition` and resolves when it takes commands. Throws with one clear line if a server does not answer. */
export const startService = async (
  definition: ServiceDefinition,
  settings: ServiceSettings,
): Promise<RunningService> => {
  const { name } = definition;
  const { now = () => new Date() } = settings;
  const logger = settings.logger.child({ service: name });
  const onError = (error: Error) => logger.warn({ err: error }, 'a connection to Postgres was lost');
  const connecting = { plans: 'kept', url: settings.databaseUrl, schema: name, name, onError } as const;
  const loader = createLoader(connecting);
  const pool = createPool({
    ...connecting,
    ...(settings.connectionsMax ? { connectionsMax: settings.connectionsMax } : {}),
  });
  const { log, bus } = await open(definition, settings.natsUrl, pool, logger).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  const holder = `${hostname()}:${process.pid}:${newId()}`;
  const onFault = (what: string, error: unknown) => logger.warn({ err: error, what }, 'a leader faltered');
  const leases = createLeases(pool, holder, onFault, settings.leaseDurations);
  const executor = createExecutor(name, log, definition.aggregates);
  const runtimeUnder = (fence?: Lease) =>
    runtimeOf(definition, log, executor, { ...settings, logger, now, loader }, fence);
  const runtime = runtimeUnder();
  const stopping = new AbortController();

  const relaying = runRelaying({ service: name, bus, log, leases, logger });
  const { reactions, gatherMs } = definition;
  const parts = { service: name, log, executor, reactions, gatherMs, logger, now };
  const readers = readingsOf(definition, parts).map((reading) => runReader({ bus, log, leases, logger }, reading));
  const jobs = [...definition.jobs, ...timerJob(definition, { log, executor, now })].map((job) =>
    runJob(job, runtimeUnder, leases, stopping.signal, logger),
  );
  leases.hold('retention', (_lease, signal) => runRetention(log, signal));
  const operations = createOperations({
    ...parts,
    listeners: definition.listeners,
    projections: definition.projections,
    republish: relaying.republish,
    signal: stopping.signal,
  });
  const taking = runCommandTaker({
    service: name,
    bus,
    log,
    executor,
    queries: definition.queries,
    operations,
    runtime,
    logger,
    signal: stopping.signal,
  });
  taking.catch((error: unknown) => logger.error({ err: error }, 'commands are not being taken any more'));
  const forgetGauges = registerGauges(settings.metrics, {
    name,
    log,
    relaying,
    readers: readers.map((r) => r.gauge),
  });

  return {
    name,
    runtime,
    bus,
    log,
    problem: () => problemOf(log, bus),
    stop: async () => {
      stopping.abort();
      forgetGauges();
      await taking;
      await Promise.all(jobs.map((job) => job.stop()));
      await Promise.all(readers.map((reader) => reader.stop()));
      await log.idle();
      await relaying.stop();
      await leases.stop();
      await bus.close();
      await loader.close();
      await pool.end();
    },
  };
};

const open = async (definition: ServiceDefinition, natsUrl: string, pool: Pool, logger: Logger) => {
  const { name, projections } = definition;
  await migrate(pool, name, definition.migrations);
  const log = await openLog({ pool, schema: name, projections });
  await serveProjections(log, projections, (projection) => logger.info({ projection }, 'building a read model'));
  const onStatus = (status: string) => logger.debug({ status }, 'the connection to NATS');
  return { log, bus: await openBus({ url: natsUrl, name, onStatus }) };
};

const readingsOf = (definition: ServiceDefinition, parts: Parameters<typeof readingOf>[0]) => {
  const reacted = services.filter((source) => definition.reactions.some((r) => r.event.type.startsWith(`${source}.`)));
  return [
    ...reacted.map((source) => readingOf(parts, source)),
    ...definition.listeners.flatMap((listener) =>
      listener.sources.map((source) => listeningOf(parts, listener, source)),
    ),
  ];
};

type Timing = Omit<Parameters<typeof runTimers>[0], 'service'>;

const timerJob = (definition: ServiceDefinition, timing: Timing) =>
  definition.aggregates.some((aggregate) => aggregate.hasTimers)
    ? [{ name: 'timers', timers: { service: definition.name, ...timing } }]
    : [];

const runJob = (
  job: Job | { readonly name: string; readonly timers: Parameters<typeof runTimers>[0] },
  runtimeUnder: (fence?: Lease) => Runtime,
  leases: Leases,
  stopping: AbortSignal,
  logger: Logger,
): { readonly stop: () => Promise<void> } => {
  const onFault = (error: unknown) => logger.error({ err: error, job: job.name }, 'a job failed; starting it again');
  if ('timers' in job) {
    const lead = (lease: Parameters<typeof runTimers>[1], signal: AbortSignal) =>
      forever(signal, () => runTimers(job.timers, lease, signal), onFault);
    return { stop: leases.hold('job:timers', lead) };
  }
  if (job.single) {
    return {
      stop: leases.hold(`job:${job.name}`, (lease, signal) =>
        forever(signal, () => job.run(runtimeUnder(lease), signal), onFault),
      ),
    };
  }
  const running = forever(stopping, () => job.run(runtimeUnder(), stopping), onFault);
  return {
    stop: async () => {
      await running.catch((error: unknown) => {
        if (!isAborted(error, stopping)) onFault(error);
      });
    },
  };
};

const runtimeOf = (
  definition: ServiceDefinition,
  log: Log,
  executor: Executor,
  settings: ServiceSettings & { readonly now: () => Date; readonly loader: Loader },
  /** Every write ends in the fence of this lease: a leader that froze can do no harm when it thaws. */
  fence: Lease | undefined,
): Runtime => ({
  execute: async (commandDefinition, data, execution): Promise<Outcome> => {
    const id = execution.id ?? newId();
    const command: Command = {
      id,
      type: commandDefinition.type,
      data,
      workspace: execution.workspace,
      actor: execution.actor ?? { kind: 'service', id: definition.name, name: definition.name },
      correlationId: execution.correlationId ?? id,
      causationId: execution.causationId ?? null,
      ...(execution.traceparent ? { traceparent: execution.traceparent } : {}),
      time: settings.now().toISOString(),
      records: true,
    };
    return executor.execute(command, { alongside: execution.alongside, fence });
  },
  now: settings.now,
  reads: log.reads,
  write: (work) =>
    inTransaction(log.pool, async (sql) => {
      const written = await work(sql);
      if (fence) await sql('select fence($1, $2, $3)', [fence.name, fence.holder, fence.epoch.toString()]);
      return written;
    }),
  load: settings.loader.load,
  committed: log.onCommitted,
  logger: settings.logger,
  metrics: settings.metrics,
});

const problemOf = async (log: Log, bus: Bus): Promise<string | undefined> => {
  if (!bus.isConnected()) return 'nats: not connected';
  try {
    await log.reads('select 1');
    return undefined;
  } catch (error) {
    return `postgres: ${error instanceof Error ? error.message : String(error)}`;
  }
};
