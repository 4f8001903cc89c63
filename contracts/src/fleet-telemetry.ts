// What is kept of a fleet's telemetry and for how long, what is taken out of it, and what its bots send at all.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

const days = (min: number, max: number) => z.int().min(min).max(max);
const share = z.number().min(0).max(1);

/** Whole days, by age and by class: what went wrong or took long is worth keeping longer than the rest. */
const Retention = z.strictObject({
  /** Prompts, messages, arguments and results of tools; 0 stores none. */
  contentDays: days(0, 365).default(3),
  okDays: days(1, 365).default(7),
  /** Traces in error and slow ones; and the share of the others that is kept past `okDays`. */
  errorDays: days(1, 365).default(30),
  /** A trace that takes longer is slow. */
  slowMs: z.int().min(1).max(86_400_000).default(60_000),
  /** Of OK traces past `okDays`, chosen by their ids, so that all of a trace stays or goes. */
  keepOkShare: share.default(0.05),
  /** Rollups by minute and by hour. */
  rollupDays: days(1, 1_095).default(365),
});

/** A key of attributes, or how it begins: `user.*`. */
const AttributeKey = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^*]+\*?$/, 'an attribute key, or its beginning and one * at the end');
export const AttributeRule = z.strictObject({
  key: AttributeKey,
  /** Takes the attribute away, hides its value, or puts a hash in its place by which equal values stay equal. */
  action: z.enum(['drop', 'mask', 'hash']),
});
export type AttributeRule = z.infer<typeof AttributeRule>;

export const redactionLimits = { attributesMax: 100, patternsMax: 20, patternCharsMax: 200 } as const;
const Redaction = z.strictObject({
  /** The first that fits a key counts. */
  attributes: z.array(AttributeRule).max(redactionLimits.attributesMax).default([]),
  /** RE2; what matches is hidden wherever texts are stored, on top of what looks like a secret. */
  patterns: z
    .array(z.string().min(1).max(redactionLimits.patternCharsMax))
    .max(redactionLimits.patternsMax)
    .default([]),
});

/** Of the traces that bots begin; null leaves what their own configuration says. */
const Sampling = z.strictObject({ ratio: share.nullable().default(null) });

/** How many calls of one and the same tool or model of a trace, and how many of all of a bot, are a runaway. */
const Runaway = z.strictObject({
  callsPerMinute: z.int().min(2).max(100_000).default(40),
  botCallsPerMinute: z.int().min(2).max(1_000_000).default(300),
});

export const FleetTelemetry = z.strictObject({
  retention: Retention.prefault({}).refine(
    ({ contentDays, okDays, errorDays }) => errorDays >= okDays && errorDays >= contentDays,
    {
      path: ['errorDays'],
      message:
        'must be at least okDays and contentDays: nothing is kept longer than errors are; raise it or lower those',
    },
  ),
  redaction: Redaction.prefault({}),
  sampling: Sampling.prefault({}),
  runaway: Runaway.prefault({}),
});
export type FleetTelemetry = z.infer<typeof FleetTelemetry>;

/** What holds for fleets of which nobody said anything. */
export const defaultFleetTelemetry: FleetTelemetry = FleetTelemetry.parse({});

export const FleetTelemetryChanged = defineEvent(
  'trace.fleet-telemetry.changed.v1',
  "What is kept of a fleet's telemetry, taken out of it and sent at all is otherwise from now on; the event has all of it.",
  z.object({ fleetId: z.uuid(), settings: FleetTelemetry }),
);
export const ChangeFleetTelemetry = defineCommand(
  'trace.fleet-telemetry.change.v1',
  "Says all of how a fleet's telemetry is treated; what is left out is as by default.",
  z.strictObject({
    fleetId: z.uuid(),
    settings: FleetTelemetry,
    expectedVersion: z.int().min(1).optional(),
  }),
);

export const FleetTelemetryView = defineReadModel(
  'trace',
  'fleet_telemetry',
  'How the telemetry of fleets is treated of which somebody said so; the others are as by default.',
  z.object({
    workspace: WorkspaceSlug,
    fleet_id: z.uuid(),
    settings: FleetTelemetry,
    version: z.int(),
    updated_at: z.iso.datetime(),
  }),
);
