// Bots of a fleet around rollout: config, policy, reconciler and health that say only what a test makes them say.
import { randomUUID } from 'node:crypto';
import {
  BotConverged,
  BotHealthChanged,
  CreateChangeSet,
  type EventDefinition,
  type FactOf,
  FleetCreated,
  ManifestPublished,
  ResolutionChanged,
  StartChangeSet,
  type Strategy,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import type { RunningService } from '@molthub/service';
import { openTestCaller, silentService, startTestService } from '@molthub/service/testing';
import { until } from '@molthub/testing';
import { z } from 'zod';
import { policyDenying } from './testing.ts';

export type Urls = { readonly databaseUrl: string; readonly natsUrl: string; readonly now?: () => Date };
export type Fleet = { readonly id: string; readonly name: string; readonly botIds: readonly string[] };
export type HealthSaid = 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY' | 'UNKNOWN' | null;

const resolved = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'bot' },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
} as const;
const author = { kind: 'user', id: 'anna', name: 'Anna' } as const;
export const versionOf = (version: number) => ({
  version,
  generation: version,
  hash: `sha256:${String(version).padStart(64, '0')}`,
});

const BotRow = z.object({
  botId: z.uuid(),
  wave: z.int(),
  state: z.string(),
  rollback: z.string().nullable(),
  open: z.boolean(),
  released: z.boolean(),
  generation: z.int(),
  before: z.object({ version: z.int() }).nullable(),
  message: z.string(),
});

/** `stop` ends all of it; rollout itself is the test's. */
export const openBots = async (urls: Urls) => {
  const now = urls.now ?? (() => new Date());
  const names = ['config', 'reconciler', 'health', 'trace'] as const;
  const [config, reconciler, health, trace, policy] = await Promise.all([
    ...names.map((name) => startTestService(silentService(name), urls)),
    startTestService(policyDenying(new Set()), urls),
  ]);
  if (!config || !reconciler || !health || !trace || !policy) throw new Error('Some services did not start.');
  const caller = await openTestCaller(urls.natsUrl, now);
  const rows = (text: string, values: readonly unknown[]) => config.log.reads(text, [...values]);
  const say = <D extends EventDefinition>(on: RunningService, stream: string, { type }: D, data: FactOf<D>['data']) =>
    on.log.commit({ streams: [{ stream, expected: 'any', events: [newEvent(type, data)] }] });

  const publish = (
    fleet: Fleet,
    botId: string,
    version: number,
    more: Partial<FactOf<typeof ManifestPublished>['data']> = {},
  ) =>
    say(config, `bot-${botId}`, ManifestPublished, {
      proposalId: randomUUID(),
      botId,
      botName: `bot-${botId.slice(0, 8)}`,
      fleetId: fleet.id,
      fleetName: fleet.name,
      fleetStatus: 'ACTIVE',
      environment: 'dev',
      origin: 'update',
      ...versionOf(version),
      previous: version > 1 ? versionOf(version - 1) : null,
      manifest: resolved,
      resolved: { ...resolved, spec: { ...resolved.spec, config: { prompt: `version ${version}` } } },
      release: { mode: 'manual', strategy: { kind: 'ALL' } },
      changeSetId: null,
      forChangeSetId: null,
      judgedAt: now().toISOString(),
      reason: '',
      author,
      ...more,
    });
  const converge = async (fleet: Fleet, botId: string, changeSetId: string, version: number, is: HealthSaid) => {
    await say(reconciler, `bot-${botId}`, BotConverged, {
      botId,
      fleetId: fleet.id,
      changeSetId,
      ...versionOf(version),
      endpoint: { url: `http://127.0.0.1:1/bots/${botId}`, pid: null },
      tokenReference: null,
      target: 'simulated',
      applied: 'hot',
      steps: [],
      simulated: true,
    });
    if (is !== null) await sayHealth(fleet, botId, version, is);
  };
  const sayHealth = (fleet: Fleet, botId: string, version: number, to: Exclude<HealthSaid, null>) =>
    say(health, `bot-${botId}`, BotHealthChanged, {
      botId,
      fleetId: fleet.id,
      from: 'UNKNOWN',
      to,
      detail: 'so it says',
      latencyMs: 1,
      failures: 0,
      probedAt: now().toISOString(),
      hash: versionOf(version).hash,
      simulated: true,
    });

  const isKnown = (fleet: Fleet, version: number) =>
    until(
      async () =>
        (await rows('select 1 from rollout.bots where fleet_id = $1 and newest_version = $2', [fleet.id, version]))
          .length === fleet.botIds.length,
      { what: `version ${version} of every bot to be known`, timeoutMs: 30_000 },
    );
  /** Bots that run version 1, and could have version 2. */
  const makeFleet = async (count: number): Promise<Fleet> => {
    const [id, botIds] = [randomUUID(), Array.from({ length: count }, () => randomUUID()).toSorted()];
    const fleet = { id, name: `fleet-${id.slice(0, 8)}`, botIds };
    const release = { mode: 'manual', strategy: { kind: 'ALL' } } as const;
    const created = { fleetId: id, name: fleet.name, description: '', environment: 'dev', tags: {}, release } as const;
    await say(config, `fleet-${id}`, FleetCreated, created);
    for (const botId of botIds) await publish(fleet, botId, 1);
    await isKnown(fleet, 1);
    for (const botId of botIds) await converge(fleet, botId, randomUUID(), 1, null);
    const running = () => rows('select 1 from rollout.converged where bot_id = any($1::uuid[])', [botIds]);
    await until(async () => (await running()).length === count, { what: 'every bot to run its first version' });
    await publishAll(fleet, 2);
    return fleet;
  };
  const publishAll = async (fleet: Fleet, version: number) => {
    for (const botId of fleet.botIds) await publish(fleet, botId, version);
    await isKnown(fleet, version);
  };

  /** A profile that all of its bots take their next version from, and that goes out by itself. */
  const changeLayer = async (fleet: Fleet, version: number): Promise<string> => {
    const changeSetId = randomUUID();
    const bots = fleet.botIds.map((botId) => ({
      botId,
      botName: `bot-${botId.slice(0, 8)}`,
      before: versionOf(version - 1).hash,
      after: versionOf(version).hash,
    }));
    await say(config, `resolution-${changeSetId}`, ResolutionChanged, {
      fleetId: fleet.id,
      fleetName: fleet.name,
      environment: 'dev',
      release: { mode: 'auto', strategy: { kind: 'ALL' } },
      changeSetId,
      layer: { kind: 'profile', id: randomUUID(), name: 'quiet', version: 3 },
      change: 'updated',
      layersVersion: 4,
      author,
      reason: '',
      chunk: 0,
      chunks: 1,
      bots,
    });
    const more = { changeSetId, layersChangeSetId: changeSetId, origin: 'layers' } as const;
    for (const botId of fleet.botIds) await publish(fleet, botId, version, more);
    return changeSetId;
  };

  const create = async (fleet: Fleet, strategy: Strategy, onConflict?: 'REFUSE' | 'SUPERSEDE') => {
    const changeSetId = randomUUID();
    const data = { changeSetId, name: 'next', targets: { fleetId: fleet.id }, strategy, reason: '' };
    const outcome = await caller.send(CreateChangeSet, { ...data, ...(onConflict ? { onConflict } : {}) });
    return { changeSetId, outcome };
  };
  const start = async (fleet: Fleet, strategy: Strategy): Promise<string> => {
    const { changeSetId, outcome } = await create(fleet, strategy);
    if (outcome?.status !== 'DONE') throw new Error(`It was not planned: ${JSON.stringify(outcome)}`);
    const started = await caller.send(StartChangeSet, { changeSetId, reason: '' });
    if (started?.status !== 'DONE') throw new Error(`It was not started: ${JSON.stringify(started)}`);
    return changeSetId;
  };

  const bots = async (changeSetId: string) =>
    z.array(BotRow).parse(
      await rows(
        `select bot_id as "botId", wave, state, rollback, open, released, generation, before, message
         from rollout.change_set_bots where change_set_id = $1 order by wave, bot_id`,
        [changeSetId],
      ),
    );
  const row = async (changeSetId: string) =>
    (await rows('select * from rollout.change_sets where id = $1', [changeSetId]))[0] ?? {};
  const facts = (changeSetId: string) =>
    rows('select type, stream_id, data from rollout.events where data->>$1 = $2 order by position', [
      'changeSetId',
      changeSetId,
    ]);

  const answered = new Set<string>();
  /** The reconciler converges what was released, health says how it is, and config publishes what is to go back. */
  const serve = async (fleet: Fleet, changeSetId: string, is: HealthSaid = 'HEALTHY', most = Infinity) => {
    for (const { botId, open, released, rollback, generation, state } of (await bots(changeSetId)).slice(0, most)) {
      const isAskedBack = rollback === 'REQUESTED';
      const key = `${changeSetId} ${botId} ${generation} ${isAskedBack}`;
      if (answered.has(key) || !(isAskedBack || (released && open && (state === 'RELEASED' || rollback)))) continue;
      answered.add(key);
      if (isAskedBack) await publish(fleet, botId, generation + 1, { forChangeSetId: changeSetId });
      else await converge(fleet, botId, changeSetId, generation, is);
    }
  };
  const untilIt = (what: string, isSo: () => Promise<boolean>) => until(isSo, { what, timeoutMs: 60_000 });
  /** Serves until it has this status. */
  const untilStatus = async (
    fleet: Fleet,
    changeSetId: string,
    status: string,
    is: HealthSaid = 'HEALTHY',
    most = Infinity,
  ) => {
    await untilIt(`change set ${changeSetId} to be ${status}`, async () => {
      await serve(fleet, changeSetId, is, most);
      return (await row(changeSetId))['status'] === status;
    });
    return row(changeSetId);
  };

  const stop = async () => {
    await caller.close();
    await Promise.all([config, reconciler, health, trace, policy].map((running) => running.stop()));
  };
  return {
    caller,
    rows,
    publish,
    publishAll,
    changeLayer,
    makeFleet,
    create,
    start,
    bots,
    row,
    facts,
    serve,
    untilIt,
    untilStatus,
    stop,
  };
};
export type BotsUnderTest = Awaited<ReturnType<typeof openBots>>;
