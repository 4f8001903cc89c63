// health asks every bot how it is; only a change is an event.
import { z } from 'zod';
import { Hash } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const HealthStatus = z.enum(['HEALTHY', 'DEGRADED', 'UNHEALTHY', 'UNKNOWN']);
export type HealthStatus = z.infer<typeof HealthStatus>;

export const HealthCounts = z.object({ healthy: z.int(), degraded: z.int(), unhealthy: z.int(), unknown: z.int() });
export type HealthCounts = z.infer<typeof HealthCounts>;

export const BotHealthChanged = defineEvent(
  'health.bot.changed.v1',
  "A bot's health is another one than before, or the first that is known of another configuration, confirmed by the probes it takes.",
  z.object({
    botId: z.uuid(),
    fleetId: z.uuid(),
    /** The same as `to` where only the configuration is another one. */
    from: HealthStatus,
    to: HealthStatus,
    detail: z.string(),
    latencyMs: z.number().min(0).nullable(),
    failures: z.int().min(0),
    probedAt: z.iso.datetime(),
    /** The configuration that the bot was on; null where that is not known. */
    hash: Hash.nullable(),
    simulated: z.boolean(),
  }),
);
export const FleetHealthChanged = defineEvent(
  'health.fleet.changed.v1',
  "A fleet's roll-up is another one than before.",
  z.object({ fleetId: z.uuid(), status: HealthStatus, counts: HealthCounts }),
);
export const ReportProbe = defineCommand(
  'health.bot.report-probe.v1',
  "Takes a probe's reading. Health's own; not for callers.",
  z.strictObject({
    botId: z.uuid(),
    fleetId: z.uuid(),
    status: HealthStatus,
    detail: z.string().max(500),
    latencyMs: z.number().min(0).nullable(),
    /** Readings in a row without a good answer. */
    failures: z.int().min(0),
    probedAt: z.iso.datetime(),
    hash: Hash.nullable(),
    simulated: z.boolean(),
  }),
);
export const ReportFleet = defineCommand(
  'health.fleet.report.v1',
  "Takes a fleet's roll-up. Health's own; not for callers.",
  z.strictObject({ fleetId: z.uuid(), counts: HealthCounts }),
);
/** Asks a bot now; `records: false`. */
export const ExamineBot = defineCommand(
  'health.bot.examine.v1',
  'Asks a bot now how it is, and answers what it says; nothing of it is kept.',
  z.strictObject({ botId: z.uuid() }),
);
export const Examination = z.object({
  /** UNKNOWN: it is not meant to run, or could not be asked; `detail` says why. */
  status: HealthStatus,
  latencyMs: z.number().nullable(),
  detail: z.string(),
  probedAt: z.iso.datetime(),
  /** What the bot says that it is; null where it does not say. */
  version: z.string().nullable(),
  protocol: z.int().nullable(),
  simulated: z.boolean(),
});
export type Examination = z.infer<typeof Examination>;

const time = z.iso.datetime();
const scoped = { workspace: WorkspaceSlug };
export const HealthBotsView = defineReadModel(
  'health',
  'bots',
  'The health of each bot that was ever probed.',
  z.object({
    ...scoped,
    bot_id: z.uuid(),
    fleet_id: z.uuid(),
    status: HealthStatus,
    detail: z.string(),
    latency_ms: z.number().nullable(),
    probed_at: time.nullable(),
    changed_at: time,
    hash: Hash.nullable(),
    simulated: z.boolean(),
  }),
);
export const ProbesView = defineReadModel(
  'health',
  'probes',
  'Readings of the last days, newest last.',
  z.object({
    ...scoped,
    bot_id: z.uuid(),
    probed_at: time,
    status: HealthStatus,
    latency_ms: z.number().nullable(),
    detail: z.string(),
  }),
);
export const HealthFleetsView = defineReadModel(
  'health',
  'fleets',
  'The roll-up of each fleet.',
  z.object({ ...scoped, fleet_id: z.uuid(), status: HealthStatus, counts: HealthCounts, changed_at: time }),
);
