// The desired state of one bot, as people write it: `kind: MoltbotInstance`. Limits are those of docs/contracts.md.
import { z } from 'zod';
import { openList } from './message.ts';

/** Names of fleets and bots. */
export const EntityName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z](?:-?[a-z0-9])*$/, 'use a-z, 0-9 and single dashes, starting with a letter');

export const Environment = z.enum(['dev', 'staging', 'prod']);
export type Environment = z.infer<typeof Environment>;

export const Labels = z
  .record(
    z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z0-9_.\-/]+$/),
    z.string().max(256),
  )
  .refine((labels) => Object.keys(labels).length <= 64, 'at most 64 labels');

/** `openclaw` and `simulated` run today; the list of engines is open and the others are refused by name. */
export const Engine = z.enum(['openclaw', 'simulated']).meta(openList);
export type Engine = z.infer<typeof Engine>;

export const TargetKind = z.enum(['local', 'simulated']).meta(openList);
export type TargetKind = z.infer<typeof TargetKind>;

export const Runtime = z.strictObject({
  engine: Engine,
  /** Pinned: no tag that moves (`latest`, `stable`) and no range. */
  version: z
    .string()
    .max(64)
    .regex(/^\d+(?:\.\d+){1,3}(?:-[0-9A-Za-z.]+)?$/, 'pin one exact version such as 2026.9.6; tags and ranges move')
    .optional(),
  cpu: z.number().min(0.25).max(16).optional(),
  memory: z.int().min(256).max(65_536).optional(),
  replicas: z.int().min(1).max(100).optional(),
  /** Target `simulated` only, to rehearse; the others run one process for each bot and refuse it. */
  autoscaling: z
    .strictObject({ minReplicas: z.int().min(1).max(100), maxReplicas: z.int().min(1).max(100) })
    .optional(),
  env: z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.string().max(4_096)).optional(),
});

/** What a bot may do in the cloud that it runs in, in the words of IAM: `s3:GetObject` on the ARN of a bucket. */
export const TaskRole = z.strictObject({
  statements: z
    .array(
      z.strictObject({
        actions: z.array(z.string().min(1).max(128)).min(1).max(100),
        resources: z.array(z.string().min(1).max(2_048)).min(1).max(100),
      }),
    )
    .min(1)
    .max(50),
});

export const Target = z.strictObject({
  kind: TargetKind,
  /** Target `simulated` only, to rehearse; on this machine a bot has no such role and it is refused. */
  taskRole: TaskRole.optional(),
});

/** Octal. The owner reads and writes; others read it at most. */
const ConfigFileMode = z.string().regex(/^6[04][04]$/, 'use 600, 640, 604 or 644');
/** Octal. The owner does everything; others look into it at most. */
const StateDirMode = z.string().regex(/^7[05][05]$/, 'use 700, 750, 705 or 755');

/** How a bot is kept on its machine. Target `local` sees to it; a simulated bot has neither files nor a token. */
export const Security = z.strictObject({
  /** Default 600. */
  configFileMode: ConfigFileMode.optional(),
  /** Of the bot's folder and its state folder; default 700. */
  stateDirMode: StateDirMode.optional(),
  /** A gateway token is made anew before it is older than so many days, with a restart. Without it it is kept for good. */
  tokenMaxAgeDays: z.int().min(1).max(3_650).optional(),
});

/** How Molthub asks a bot whether it is well: as its engine answers, or not at all. */
export const HealthCheck = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('engine'),
    /** How often a bot that is well is asked, in seconds; without it as often as the installation does. */
    intervalS: z.int().min(1).max(3_600).optional(),
    /** So many bad answers in a row make a bot unhealthy. */
    failuresMax: z.int().min(1).max(10).default(2),
  }),
  z.strictObject({ kind: z.literal('none') }),
]);
export type HealthCheck = z.infer<typeof HealthCheck>;

/** What becomes of a bot that is not as released any more. */
export const DriftMode = z.enum(['detect', 'heal']);
export type DriftMode = z.infer<typeof DriftMode>;

/** Without it a bot is healed. */
export const DriftPolicy = z.strictObject({
  /** `detect`: drift is told and left, whatever it is, until someone accepts or reverts it. */
  mode: DriftMode.default('heal'),
});

export const SecretReference = z.strictObject({
  name: z.string().regex(/^[A-Z_][A-Z0-9_]*$/),
  provider: z.enum(['env', 'file', 'aws-secrets-manager', 'vault']),
  key: z.string().min(1).max(512),
});

export const Channel = z.strictObject({
  type: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .max(63),
  enabled: z.boolean().default(true),
  secretRef: z.string().optional(),
  config: z.record(z.string(), z.json()).optional(),
});

export const Skills = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('ALLOWLIST'), allowlist: z.array(z.string()).min(1) }),
  z.strictObject({ mode: z.literal('DENYLIST'), denylist: z.array(z.string()).min(1) }),
  z.strictObject({ mode: z.literal('ALL') }),
]);

export const Network = z.strictObject({
  inbound: z.enum(['NONE', 'WEBHOOK', 'PUBLIC']).default('NONE'),
  egressPreset: z.enum(['NONE', 'RESTRICTED', 'DEFAULT']).default('RESTRICTED'),
});

export const Observability = z.strictObject({
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  tracing: z.boolean().optional(),
});

/** A policy pack: one that comes with Molthub, or the id of one of the workspace's own. */
export const PackId = z
  .string()
  .regex(
    /^(?:builtin-[a-z0-9-]{1,80}|[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/,
    'the id of a policy pack',
  );

export const ManifestPolicies = z.strictObject({
  forbidPublicAdmin: z.boolean().optional(),
  requireSecretManager: z.boolean().optional(),
  /** Packs that judge this bot although they do not apply by themselves. */
  includePacks: z.array(PackId).max(20).optional(),
  /** Packs that do not judge this bot; those that are enforced do it all the same. */
  skipPacks: z.array(PackId).max(20).optional(),
  /** Rules that this bot may break, where the rule itself allows that. */
  overrides: z
    .array(z.strictObject({ packId: PackId, ruleId: z.string().min(1).max(63), reason: z.string().min(1).max(500) }))
    .max(50)
    .optional(),
});

/** The bot's own configuration; for `openclaw` an OpenClaw config, checked by that version's own JSON Schema. */
export const BotConfig = z.record(z.string(), z.json());
export type BotConfig = z.infer<typeof BotConfig>;

/**
 * How often a simulated bot does something by itself, in seconds. One process carries all of them: a bot without pause
 * between what it does would leave the others no time.
 */
const everyS = (field: string) =>
  z
    .number()
    .refine(
      (seconds) => seconds === 0 || (seconds >= 1 && seconds <= 31_536_000),
      `${field}: use 0 for never, or 1 to 31,536,000 seconds`,
    )
    .default(0);

/** How a simulated bot behaves. Durations are ms unless the name says otherwise; rates are 0 to 1. */
export const Simulation = z.strictObject({
  startMs: z.int().min(0).max(600_000).default(50),
  applyMs: z.int().min(0).max(600_000).default(20),
  failApply: z.boolean().default(false),
  healthy: z.boolean().default(true),
  errorRate: z.number().min(0).max(1).default(0),
  latencyMs: z.number().min(0).max(600_000).default(200),
  requestsPerMinute: z.number().min(0).max(6_000).default(0),
  tokensPerRequest: z.int().min(0).max(1_000_000).default(500),
  driftEveryS: everyS('driftEveryS'),
  crashEveryS: everyS('crashEveryS'),
});
export type Simulation = z.infer<typeof Simulation>;

/** The template that a bot is built from, by its name, and what fills its fields, by their paths. */
export const TemplateUse = z.strictObject({
  name: EntityName,
  values: z
    .record(z.string().min(1).max(300), z.union([z.string().max(4_096), z.number(), z.boolean()]))
    .refine((values) => Object.keys(values).length <= 50, 'at most 50 values')
    .default({}),
});

export const Manifest = z.strictObject({
  apiVersion: z.literal('molthub/v1'),
  kind: z.literal('MoltbotInstance'),
  metadata: z.strictObject({
    name: EntityName,
    workspace: z.string().max(63).optional(),
    fleet: z.string().max(63).optional(),
    environment: Environment.optional(),
    labels: Labels.optional(),
  }),
  spec: z.strictObject({
    template: TemplateUse.optional(),
    runtime: Runtime,
    target: Target,
    config: BotConfig.default({}),
    secrets: z.array(SecretReference).max(100).optional(),
    channels: z.array(Channel).max(50).optional(),
    skills: Skills.optional(),
    network: Network.optional(),
    observability: Observability.optional(),
    healthCheck: HealthCheck.optional(),
    security: Security.optional(),
    drift: DriftPolicy.optional(),
    policies: ManifestPolicies.optional(),
  }),
});
export type Manifest = z.infer<typeof Manifest>;

/** What a bot really runs: the manifest after secure defaults. Its canonical JSON is what the hash is taken over. */
export const ResolvedManifest = Manifest;
export type ResolvedManifest = z.infer<typeof ResolvedManifest>;

export const Hash = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits');

export const LayerKind = z.enum(['template', 'profile', 'overlay']).meta(openList);
export type LayerKind = z.infer<typeof LayerKind>;

/** A layer as a bot's resolution used it. */
export const LayerReference = z.object({
  kind: LayerKind,
  id: z.string().max(100),
  name: z.string(),
  version: z.int().min(1),
});
export type LayerReference = z.infer<typeof LayerReference>;

/** What a bot's resolution rests on: the layers of its workspace at this version, and those of them that reach it. */
export const AppliedLayers = z.object({ version: z.int().min(0), applied: z.array(LayerReference) });
export type AppliedLayers = z.infer<typeof AppliedLayers>;

/** Limits on what may be sent, in bytes. */
export const limits = {
  eventBytesMax: 512 * 1024,
  resolvedConfigBytesMax: 256 * 1024,
  bodyBytesMax: 1024 * 1024,
} as const;
