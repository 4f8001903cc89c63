// The service reconciler: keeps each bot's process and configuration equal to what was released for it.
import { aggregate, asIs, type Listener, type ServiceDefinition } from '@molthub/service';
import { z } from 'zod';
import { botCommands, botDecider, botEvents } from './decider.ts';
import { fleetsListener, fleetsMigration } from './fleets.ts';
import { defaultHealing, type HealingSettings } from './healing.ts';
import { holdAggregate } from './hold/aggregate.ts';
import { holdsProjection } from './hold/projection.ts';
import { orphanAggregate } from './orphan/aggregate.ts';
import { orphansProjection } from './orphan/projection.ts';
import { botsProjection } from './projection.ts';
import { queriesOf } from './queries.ts';
import { reactions } from './reactions.ts';
import { type ReconcileSettings, reconcileJob } from './reconcile-job.ts';
import { simulatorAggregate } from './simulator/aggregate.ts';
import { openSimulator } from './simulator/simulator.ts';
import { type Targets, targetsOf } from './target.ts';
import { openLocalTarget } from './targets/local.ts';

export type ReconcilerSettings = {
  /** Molthub's data directory: bots on target `local`, their runtimes, the simulator's key. */
  readonly home: string;
  /** Where simulated bots send their spans; null for nowhere. */
  readonly otlpUrl: string | null;
  /** The machine's environment; bots get only named variables of it. */
  readonly machineEnv: Readonly<Record<string, string | undefined>>;
  /** Variables that manifests may name with provider `env`; default none. */
  readonly secretEnv?: Readonly<Record<string, string>>;
  readonly healing?: Partial<HealingSettings>;
  readonly resyncMs?: ReconcileSettings['resyncMs'];
  readonly pollMs?: number;
  /** Default 15 minutes: bots of one machine start two at a time. */
  readonly stuckAfterMs?: number;
  /** Default 60 s. */
  readonly watchMs?: number;
  /** Other targets than this machine and the simulator. */
  readonly openTargets?: ReconcileSettings['openTargets'];
};

const resyncMs = (kind: string) => (kind === 'simulated' ? 60_000 : 5_000);

export const reconcilerService = (settings: ReconcilerSettings): ServiceDefinition => {
  let open: Targets | null = null;
  const fleets = new Set<() => void>();
  const bots = new Set<(botId: string) => void>();
  const openTargets: ReconcileSettings['openTargets'] = async (runtime, signal) =>
    targetsOf(
      await openSimulator({ ...settings, signal }, runtime),
      await openLocalTarget({ ...settings, signal }, runtime.logger),
    );
  return {
    name: 'reconciler',
    migrations: [fleetsMigration],
    aggregates: [
      aggregate({
        category: 'bot',
        commands: botCommands,
        events: botEvents,
        id: ({ data }) => data.botId,
        prepare: asIs,
        decider: botDecider,
      }),
      simulatorAggregate,
      holdAggregate,
      orphanAggregate,
    ],
    projections: [botsProjection, holdsProjection, orphansProjection],
    reactions,
    listeners: [
      fleetsListener(() => {
        for (const changed of fleets) changed();
      }),
      healthListener((botId) => {
        for (const changed of bots) changed(botId);
      }),
    ],
    queries: queriesOf(() => open),
    gatherMs: 60,
    jobs: [
      reconcileJob({
        openTargets: settings.openTargets ?? openTargets,
        opened: (targets) => {
          open = targets;
        },
        hints: { onFleets: listenTo(fleets), onBot: listenTo(bots) },
        healing: { ...defaultHealing, ...settings.healing },
        resyncMs: settings.resyncMs ?? resyncMs,
        pollMs: settings.pollMs ?? 5_000,
        stuckAfterMs: settings.stuckAfterMs ?? 900_000,
        watchMs: settings.watchMs ?? 60_000,
        random: Math.random,
      }),
    ],
  };
};

const listenTo =
  <L>(listeners: Set<L>) =>
  (listener: L) => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  };

const Unwell = z.object({ botId: z.uuid(), to: z.literal('UNHEALTHY') });

/** A bot that answers nobody may hang: the loop looks for itself. Nothing is stored: what is unwell now is seen now. */
const healthListener = (unwell: (botId: string) => void): Listener => ({
  name: 'unwell-bots',
  sources: ['health'],
  types: ['health.bot.changed.v1'],
  apply: async () => {},
  applied: (events) => {
    for (const { data } of events) {
      const parsed = Unwell.safeParse(data);
      if (parsed.success) unwell(parsed.data.botId);
    }
  },
});
