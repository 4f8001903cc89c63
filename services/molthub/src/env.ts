// The environment of the program; nothing else reads process.env.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { logLevels } from '@molthub/telemetry';
import { type Backend, backendOf } from '@molthub/trace-ingest';
import { z } from 'zod';

const port = (fallback: number) =>
  z.coerce.number('write a port from 0 to 65535; 0 takes a free one').int().min(0).max(65_535).default(fallback);
const milliseconds = (fallback: number) => z.coerce.number().int().min(100).max(3_600_000).default(fallback);

/** What Molthub itself runs on is nobody's to hand to a bot. */
const molthubsOwn = /^(MOLTHUB_|DATABASE_URL$|NATS_URL$|PG[A-Z]+$)/;

const Names = z
  .string()
  .default('')
  .transform((list) => list.split(',').flatMap((name) => name.trim() || []))
  .refine(
    (names) => names.every((name) => /^[A-Za-z_]\w*$/.test(name)),
    'write names of variables, with commas between',
  )
  .refine((names) => !names.some((name) => molthubsOwn.test(name)), "leave out Molthub's own variables");

const Environment = z.object({
  MOLTHUB_HOME: z.string().min(1).optional(),
  MOLTHUB_PORT: port(4_000),
  MOLTHUB_OTLP_PORT: port(4_318),
  MOLTHUB_EMBEDDED_PG_PORT: port(0),
  MOLTHUB_EMBEDDED_NATS_PORT: port(0),
  MOLTHUB_LOG_LEVEL: z.enum(logLevels).default('warn'),
  MOLTHUB_PROBE_INTERVAL_MS: milliseconds(30_000),
  MOLTHUB_BOT_ENV: Names,
  MOLTHUB_FORWARD_OTLP_URL: z.string().optional(),
  MOLTHUB_FORWARD_OTLP_HEADERS: z.string().optional(),
  MOLTHUB_PRIVATE_WEBHOOKS: z.enum(['allow', 'refuse']).default('refuse'),
  MOLTHUB_WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'write whsec_ and then 24 to 64 bytes in base64')
    .transform((secret) => Buffer.from(secret.slice('whsec_'.length), 'base64'))
    .refine(({ length }) => length >= 24 && length <= 64, 'write whsec_ and then 24 to 64 bytes in base64')
    .optional(),
  MOLTHUB_LIFELINE_FD: z.coerce.number().int().min(3).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  NATS_URL: z.url({ protocol: /^(nats|tls)$/ }).optional(),
});

export type Settings = {
  readonly home: string;
  readonly port: number;
  readonly otlpPort: number;
  readonly postgresPort: number;
  readonly natsPort: number;
  readonly logLevel: (typeof logLevels)[number];
  readonly probeIntervalMs: number;
  readonly lifelineFd: number | undefined;
  readonly databaseUrl: string | undefined;
  readonly natsUrl: string | undefined;
  /** Where all spans are forwarded to; null keeps them here. */
  readonly backend: Backend | null;
  /** Whether gates may ask webhooks on this machine and in private networks. */
  readonly allowsPrivateWebhooks: boolean;
  /** What requests to webhooks are signed with; null leaves them unsigned. */
  readonly webhookKey: Uint8Array | null;
  /** Variables that manifests may hand to bots with provider `env`. */
  readonly botEnv: Readonly<Record<string, string>>;
  /** What the embedded servers and the bots' installer need of the environment. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
};

/** Reads and checks the environment. Throws one line that names the variable and what it must be. */
export const readSettings = (): Settings => {
  const parsed = Environment.safeParse(process.env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`${issue?.path.join('.') ?? 'the environment'}: ${issue?.message ?? 'is malformed'}`);
  }
  const env = parsed.data;
  const isRoot = process.getuid?.() === 0;
  return {
    home: env.MOLTHUB_HOME ?? (isRoot ? '/var/lib/molthub' : join(homedir(), '.molthub')),
    port: env.MOLTHUB_PORT,
    otlpPort: env.MOLTHUB_OTLP_PORT,
    postgresPort: env.MOLTHUB_EMBEDDED_PG_PORT,
    natsPort: env.MOLTHUB_EMBEDDED_NATS_PORT,
    logLevel: env.MOLTHUB_LOG_LEVEL,
    probeIntervalMs: env.MOLTHUB_PROBE_INTERVAL_MS,
    lifelineFd: env.MOLTHUB_LIFELINE_FD,
    databaseUrl: env.DATABASE_URL,
    natsUrl: env.NATS_URL,
    backend: backendOf(env.MOLTHUB_FORWARD_OTLP_URL, env.MOLTHUB_FORWARD_OTLP_HEADERS),
    allowsPrivateWebhooks: env.MOLTHUB_PRIVATE_WEBHOOKS === 'allow',
    webhookKey: env.MOLTHUB_WEBHOOK_SECRET ?? null,
    botEnv: Object.fromEntries(
      env.MOLTHUB_BOT_ENV.flatMap((name) => {
        const value = process.env[name];
        return value === undefined ? [] : [[name, value] as const];
      }),
    ),
    inherited: process.env,
  };
};
