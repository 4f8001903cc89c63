// health: asks every bot how it is, and says when that changes.
import {
  BotHealthChanged,
  CloseFinding,
  FindingClosed,
  FindingOpened,
  FleetHealthChanged,
  OpenFinding,
  ReportFleet,
  ReportProbe,
  RunawayFindingClosed,
  RunawayFindingOpened,
} from '@molthub/contracts';
import { aggregate, asIs, type ServiceDefinition } from '@molthub/service';
import { botHealth } from './decider.ts';
import { findings } from './finding/decider.ts';
import { findingsView } from './finding/projection.ts';
import { defaultLimits } from './finding/rules.ts';
import { findingsJob, type SweepSettings } from './finding/sweep.ts';
import { fleetHealth } from './fleet/decider.ts';
import { prober } from './prober.ts';
import { healthViews } from './projection.ts';
import { queriesOf } from './queries.ts';
import { reactions } from './reactions.ts';
import { rollUp } from './roll-up.ts';
import { migrations, targetListener } from './targets.ts';
import { createWake } from './wake.ts';

export type HealthSettings = {
  /** Where the references to bots' tokens start. */
  readonly home: string;
  /** How often a bot that is well is asked; 30 s by default. */
  readonly probeIntervalMs?: number;
  /** How often findings are looked for, and what is one. */
  readonly sweep?: SweepSettings;
};

const defaultSweep: SweepSettings = { everyMs: 10_000, limits: defaultLimits };

const bots = aggregate({
  category: 'bot',
  commands: [ReportProbe],
  events: [BotHealthChanged],
  id: ({ data }) => data.botId,
  prepare: asIs,
  decider: botHealth,
});

const fleets = aggregate({
  category: 'fleet',
  commands: [ReportFleet],
  events: [FleetHealthChanged],
  id: ({ data }) => data.fleetId,
  prepare: asIs,
  decider: fleetHealth,
});

const findingsOfBots = aggregate({
  category: 'finding',
  commands: [OpenFinding, CloseFinding],
  events: [FindingOpened, FindingClosed, RunawayFindingOpened, RunawayFindingClosed],
  id: ({ data }) => data.findingId,
  prepare: asIs,
  decider: findings,
});

export const health = ({ home, probeIntervalMs = 30_000, sweep = defaultSweep }: HealthSettings): ServiceDefinition => {
  const probing = createWake();
  const counting = createWake();
  const changed = () => {
    probing.ring();
    counting.ring();
  };
  return {
    name: 'health',
    migrations,
    aggregates: [bots, fleets, findingsOfBots],
    projections: [healthViews, findingsView],
    reactions,
    listeners: [targetListener(changed)],
    queries: queriesOf(home),
    gatherMs: 100,
    jobs: [prober(probing, { home, probeIntervalMs }), rollUp(counting), findingsJob(sweep)],
  };
};
