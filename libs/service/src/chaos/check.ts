// After a fault: is anything lost, doubled or out of order, anywhere between the command and the last read model?
import { type Bus, eventStream, openBus, readEvents } from '@molthub/bus';
import { FleetCreated, FleetUpdated, type Recorded, type ServiceName } from '@molthub/contracts';
import { createPool, readCommitted, readsOn, type Sql } from '@molthub/event-store';
import { logStart } from '@molthub/contracts';
import type { SentCommand } from './load.ts';

export type Findings = {
  readonly commands: number;
  readonly acknowledged: number;
  /** The longest that a command waited for its outcome. */
  readonly longestWaitMs: number;
  readonly events: number;
  /** Messages on the bus that were there before: repeats, which readers drop. */
  readonly repeats: number;
  /** Each is one sentence; empty when all is as it must be. */
  readonly problems: readonly string[];
};

const problemsMax = 20;

/** Compares the logs with the commands sent, the read models and the bus, once everything has had its time. */
export const check = async (
  urls: { readonly databaseUrl: string; readonly natsUrl: string },
  sent: readonly SentCommand[],
): Promise<Findings> => {
  const pools = { config: poolOf(urls.databaseUrl, 'config'), health: poolOf(urls.databaseUrl, 'health') };
  const bus = await openBus({ url: urls.natsUrl, name: 'check', onStatus: () => undefined });
  try {
    const config = readsOn(pools.config);
    const health = readsOn(pools.health);
    const configLog = await readCommitted(config, logStart, 1_000_000);
    const healthLog = await readCommitted(health, logStart, 1_000_000);
    const onBus = [await compareBus(bus, 'config', configLog), await compareBus(bus, 'health', healthLog)];
    const problems = [
      ...compareCommands(sent, configLog),
      ...(await compareReadModels(config, health, configLog, healthLog)),
      ...compareReactions(configLog, healthLog),
      ...onBus.flatMap((one) => one.problems),
    ];
    return {
      commands: sent.length,
      acknowledged: sent.filter((command) => command.acknowledged).length,
      longestWaitMs: Math.round(sent.reduce((longest, command) => Math.max(longest, command.waitedMs), 0)),
      events: configLog.length + healthLog.length,
      repeats: onBus.reduce((sum, one) => sum + one.repeats, 0),
      problems: problems.slice(0, problemsMax),
    };
  } finally {
    await bus.close();
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
  }
};

const poolOf = (url: string, schema: string) =>
  createPool({ url, schema, name: 'check', connectionsMax: 1, onError: () => undefined });

/** A command that was acknowledged has exactly one event, and no command has two. */
const compareCommands = (sent: readonly SentCommand[], log: readonly Recorded[]): readonly string[] => {
  const events = Map.groupBy(log, (event) => event.causationId);
  return sent.flatMap((command) => {
    const count = events.get(command.id)?.length ?? 0;
    if (command.acknowledged && count === 0) return [`The acknowledged command ${command.id} has no event.`];
    return count > 1 ? [`The command ${command.id} took effect ${count} times.`] : [];
  });
};

const isCounted = (event: Recorded) => event.type === FleetCreated.type || event.type === FleetUpdated.type;

const countsByFleet = (events: readonly Recorded[]): ReadonlyMap<string, number> =>
  new Map(
    [...Map.groupBy(events, (event) => event.stream.slice('fleet-'.length))].map(([id, all]) => [id, all.length]),
  );

/** Each read model is the fold of the log that it is made of. */
const compareReadModels = async (
  config: Sql,
  health: Sql,
  configLog: readonly Recorded[],
  healthLog: readonly Recorded[],
): Promise<readonly string[]> => {
  const model = async (sql: Sql, text: string) =>
    new Map((await sql<{ id: string; n: number }>(text)).map((row) => [row.id, row.n]));
  return [
    ...differences(
      'the read model of config',
      countsByFleet(configLog.filter((event) => event.type === FleetUpdated.type)),
      await model(config, 'select id, changes as n from config_read.fleets where changes > 0'),
    ),
    ...differences(
      'the read model of health',
      countsByFleet(healthLog),
      await model(health, 'select fleet_id as id, changes as n from health_read.fleets'),
    ),
    ...differences(
      "health's listener",
      countsByFleet(configLog.filter(isCounted)),
      await model(health, 'select fleet_id as id, times as n from seen'),
    ),
  ];
};

const differences = (
  what: string,
  expected: ReadonlyMap<string, number>,
  found: ReadonlyMap<string, number>,
): readonly string[] =>
  [...new Set([...expected.keys(), ...found.keys()])].flatMap((id) =>
    expected.get(id) === found.get(id)
      ? []
      : [`In ${what} ${id} has ${found.get(id) ?? 'nothing'}, the log says ${expected.get(id) ?? 'nothing'}.`],
  );

/** The reaction's events carry the versions they answer: each version once, rising along the stream. */
const compareReactions = (configLog: readonly Recorded[], healthLog: readonly Recorded[]): readonly string[] => {
  const expected = Map.groupBy(configLog.filter(isCounted), (event) => event.stream);
  const answered = Map.groupBy(healthLog, (event) => event.stream);
  return [...new Set([...expected.keys(), ...answered.keys()])].flatMap((stream) => {
    const versions = (expected.get(stream) ?? []).map((event) => event.version).join();
    const answers = (answered.get(stream) ?? []).map((event) => versionAnswered(event)).join();
    return versions === answers ? [] : [`Reactions to ${stream} answered ${answers}, its events are ${versions}.`];
  });
};

const versionAnswered = (event: Recorded): number => {
  const { data } = event;
  if (typeof data !== 'object' || data === null || !('counts' in data)) return -1;
  const { counts } = data;
  if (typeof counts !== 'object' || counts === null || !('unknown' in counts)) return -1;
  return Number(counts.unknown);
};

/** Everything in the log is on the bus, nothing else is, and without repeats each stream is in order. */
const compareBus = async (bus: Bus, service: ServiceName, log: readonly Recorded[]) => {
  const seen = new Set<string>();
  const versions = new Map<string, number>();
  const problems: string[] = [];
  let repeats = 0;
  for (const event of await everythingOn(bus, service)) {
    if (seen.has(event.id)) {
      repeats += 1;
      continue;
    }
    seen.add(event.id);
    const before = versions.get(event.stream) ?? 0;
    if (event.version !== before + 1) {
      problems.push(`On the bus ${event.stream} ${event.version} comes after ${before}.`);
    }
    versions.set(event.stream, event.version);
  }
  const missing = log.filter((event) => !seen.has(event.id));
  if (missing.length > 0) problems.push(`${missing.length} events of ${service} are not on the bus.`);
  if (seen.size + missing.length !== log.length) problems.push(`The bus has events that ${service} does not know.`);
  return { problems, repeats };
};

const everythingOn = async (bus: Bus, service: ServiceName): Promise<readonly Recorded[]> => {
  const manager = await bus.manager();
  const { state } = await manager.streams.info(eventStream(service)).catch((error: unknown) => {
    // Deleted, and not yet made again: it holds nothing, which the comparison says.
    if (error instanceof Error && error.name === 'StreamNotFoundError') return { state: { messages: 0, last_seq: 0 } };
    throw error;
  });
  const events: Recorded[] = [];
  if (state.messages === 0) return events;
  const done = new AbortController();
  const batches = readEvents({
    bus,
    source: service,
    types: undefined,
    checkpoint: undefined,
    batchMax: 1_000,
    signal: done.signal,
  });
  for await (const batch of batches) {
    for (const one of batch) if (one.event) events.push(one.event);
    if ((batch.at(-1)?.sequence ?? 0) >= state.last_seq) break;
  }
  done.abort();
  return events;
};
