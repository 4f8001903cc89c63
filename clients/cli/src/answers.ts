// What the CLI reads of the gateway's answers. Answers may carry more: it is kept, and shown by -o json.
import { Environment, Release } from '@molthub/contracts';
import { z } from 'zod';

export const Fleet = z.looseObject({
  id: z.uuid(),
  name: z.string(),
  environment: Environment,
  status: z.string(),
  description: z.string().default(''),
  tags: z.record(z.string(), z.string()).default({}),
  release: Release.optional(),
  enforcedPolicyPackIds: z.array(z.string()).optional(),
});
export type Fleet = z.infer<typeof Fleet>;

export const PolicyPack = z.looseObject({
  id: z.string(),
  name: z.string(),
  isBuiltin: z.boolean(),
});
export type PolicyPack = z.infer<typeof PolicyPack>;

/** A template, a profile or an overlay. */
export const Layer = z.looseObject({
  id: z.string(),
  name: z.string(),
  isBuiltin: z.boolean().default(false),
  version: z.int(),
});
export type Layer = z.infer<typeof Layer>;

export const Bot = z.looseObject({
  id: z.uuid(),
  fleetId: z.uuid(),
  name: z.string(),
  status: z.string(),
  health: z.string(),
  manifestVersion: z.int(),
  generation: z.int(),
  /** Servers that do not tell it are taken to have released the newest. */
  assignedGeneration: z.int().optional(),
  observedGeneration: z.int(),
  desiredHash: z.string(),
  observedHash: z.string().nullable(),
  target: z.looseObject({
    kind: z.string(),
    endpoint: z.looseObject({ url: z.string(), pid: z.int().nullish() }).nullish(),
  }),
  lastError: z.looseObject({ code: z.string(), message: z.string(), permanent: z.boolean().optional() }).nullish(),
});
export type Bot = z.infer<typeof Bot>;

/** Whether the target reports exactly what is desired. */
export const isConverged = (bot: Bot): boolean =>
  bot.observedGeneration === bot.generation && bot.observedHash === bot.desiredHash;

/** Whether its newest version was handed to it; until then its status and its error are of an earlier one. */
export const isAssigned = ({ assignedGeneration, generation }: Bot): boolean =>
  assignedGeneration === undefined || assignedGeneration >= generation;

export const Published = z.looseObject({
  version: z.int(),
  hash: z.string(),
  changeSetId: z.uuid().nullish(),
});
export type Published = z.infer<typeof Published>;

export const StoredManifest = z.looseObject({ version: z.int(), manifest: z.unknown() });

export const TimelineItem = z.looseObject({
  sequence: z.coerce.number().int(),
  type: z.string(),
  time: z.string(),
  message: z.string(),
});
export type TimelineItem = z.infer<typeof TimelineItem>;

const Verdict = z.looseObject({ wave: z.int(), gate: z.string(), verdict: z.string(), message: z.string() });

export const ChangeSetStatus = z.looseObject({
  status: z.string(),
  progress: z.looseObject({
    total: z.int(),
    updated: z.int(),
    failed: z.int(),
    remaining: z.int(),
    percentage: z.number(),
  }),
  currentWave: z.int().nullish(),
  waves: z.int().optional(),
  verdicts: z.array(Verdict).default([]),
  canRollback: z.boolean().optional(),
  message: z.string().default(''),
});
export type ChangeSetStatus = z.infer<typeof ChangeSetStatus>;

/** What came of one version of a layer; `bots` is null until those that it moves are found, or that is refused. */
export const LayerChanged = z.looseObject({
  bots: z.int().nullable(),
  refused: z.object({ code: z.string(), message: z.string() }).nullish(),
  changeSetIds: z.array(z.uuid()),
  changedAt: z.string(),
});
export type LayerChanged = z.infer<typeof LayerChanged>;

const VersionOf = z.looseObject({ version: z.int(), hash: z.string() });
export const PlannedBot = z.looseObject({
  botInstanceId: z.uuid(),
  name: z.string(),
  wave: z.int(),
  before: VersionOf.nullable(),
  after: VersionOf,
  state: z.string(),
  message: z.string(),
});
export type PlannedBot = z.infer<typeof PlannedBot>;

const RefusedBot = z.looseObject({ botId: z.uuid(), botName: z.string(), code: z.string(), message: z.string() });
export type RefusedBot = z.infer<typeof RefusedBot>;

export const ChangeSet = z.looseObject({
  id: z.uuid(),
  status: z.string(),
  fleetId: z.uuid(),
  fleetName: z.string(),
  strategy: z.looseObject({ kind: z.string(), gates: z.looseObject({}).optional() }),
  planHash: z.string(),
  notes: z.array(z.string()).default([]),
  refused: z.int(),
  refusedBots: z.array(RefusedBot),
  message: z.string(),
});
export type ChangeSet = z.infer<typeof ChangeSet>;

export const Parked = z.looseObject({
  id: z.uuid(),
  service: z.string().optional(),
  key: z.string(),
  type: z.string(),
  error: z.string(),
});

export const Projection = z.looseObject({
  name: z.string(),
  service: z.string(),
  status: z.string(),
  processed: z.number(),
  total: z.number(),
  message: z.string().default(''),
});

export const Loose = z.looseObject({});
export type Loose = z.infer<typeof Loose>;
