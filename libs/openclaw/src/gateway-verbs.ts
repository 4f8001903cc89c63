// What Molthub asks a bot's gateway, with the answers' shapes. A bot's answer is believed only as far as it is checked.
import { z } from 'zod';
import type { GatewayClient } from './gateway-client.ts';
import { GatewayError, plainText } from './gateway-error.ts';
import type { JsonObject } from './json-tree.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** A patch is answered when it has been applied: 0.3 s measured, far longer where channels are reloaded. */
const PATCH_TIMEOUT_MS = 60_000;

const configAnswer = z.object({
  exists: z.boolean(),
  valid: z.boolean(),
  parsed: z.unknown().optional(),
  hash: z.string().max(200).optional(),
  issues: z
    .array(z.looseObject({ path: z.string().optional(), message: z.string().optional() }))
    .max(1_000)
    .default([]),
});

export type BotConfig = {
  readonly exists: boolean;
  /** Whether the file as it is now would be accepted; 2026.8.1 says so even of a broken one. */
  readonly valid: boolean;
  /** The file's content, secrets shown as `__OPENCLAW_REDACTED__`; `undefined` when it cannot be parsed. */
  readonly parsed: JsonObject | undefined;
  /** Stands for this content on this bot only: a token for the next write, never comparable between bots. */
  readonly hash: string | undefined;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
};

export async function getConfig(client: GatewayClient, timeoutMs = REQUEST_TIMEOUT_MS): Promise<BotConfig> {
  const answer = parseAnswer('config.get', configAnswer, await client.request('config.get', {}, timeoutMs));
  const parsed = z.record(z.string(), z.unknown()).safeParse(answer.parsed);
  return {
    exists: answer.exists,
    valid: answer.valid,
    parsed: parsed.success ? parsed.data : undefined,
    hash: answer.hash,
    issues: answer.issues.slice(0, 20).map(({ path, message }) => ({
      path: plainText(path ?? '', 200),
      message: plainText(message ?? '', 300),
    })),
  };
}

const patchAnswer = z.object({
  noop: z.boolean().optional(),
  hash: z.string().max(200).optional(),
  changedPaths: z.array(z.string().max(400)).max(5_000).optional(),
  sentinel: z
    .object({
      payload: z.object({ stats: z.object({ requiresRestart: z.boolean().optional() }).optional() }).optional(),
    })
    .nullish(),
});

export type PatchRequest = {
  /** RFC 7396: `null` deletes. */
  readonly patch: JsonObject;
  readonly baseHash: string | undefined;
  readonly replacePaths: readonly string[];
  readonly note?: string;
  readonly timeoutMs?: number;
};

export type PatchOutcome = {
  readonly noop: boolean;
  /** `undefined` where the version does not say: 2026.4.29 and 2026.5.7 restart first and never answer. */
  readonly requiresRestart: boolean | undefined;
  readonly hash: string | undefined;
};

export async function patchConfig(client: GatewayClient, request: PatchRequest): Promise<PatchOutcome> {
  const params = {
    raw: JSON.stringify(request.patch),
    ...(request.baseHash === undefined ? {} : { baseHash: request.baseHash }),
    ...(request.note === undefined ? {} : { note: request.note }),
    // Protocol 3 has no such parameter and replaces lists without being asked.
    ...(request.replacePaths.length > 0 && client.hello.protocol >= 4 ? { replacePaths: request.replacePaths } : {}),
  };
  const raw = await client.request('config.patch', params, request.timeoutMs ?? PATCH_TIMEOUT_MS);
  const answer = parseAnswer('config.patch', patchAnswer, raw);
  return {
    noop: answer.noop ?? false,
    requiresRestart: answer.sentinel?.payload?.stats?.requiresRestart,
    hash: answer.hash,
  };
}

export type ReloadKind = 'restart' | 'hot' | 'none';
const lookupAnswer = z.object({ reloadKind: z.enum(['restart', 'hot', 'none']).optional() });

/** What a change of this path costs this bot; `undefined` where its version does not say or does not know the path. */
export async function reloadKind(client: GatewayClient, path: string): Promise<ReloadKind | undefined> {
  if (client.hello.protocol < 4 || !client.hello.features.methods.includes('config.schema.lookup')) return undefined;
  try {
    const raw = await client.request('config.schema.lookup', { path }, REQUEST_TIMEOUT_MS);
    return parseAnswer('config.schema.lookup', lookupAnswer, raw).reloadKind;
  } catch (error) {
    if (error instanceof GatewayError && error.failure === 'refused' && error.code === 'INVALID_REQUEST')
      return undefined;
    throw error;
  }
}

const healthAnswer = z.object({
  ok: z.boolean(),
  plugins: z
    .object({ errors: z.array(z.looseObject({ activationSource: z.string().optional() })).default([]) })
    .optional(),
  modelRuntime: z.object({ degraded: z.boolean().default(false) }).optional(),
  eventLoop: z.object({ degraded: z.boolean().default(false), delayP99Ms: z.number().default(0) }).optional(),
});
export type BotHealth = z.infer<typeof healthAnswer>;

export async function health(client: GatewayClient, timeoutMs = REQUEST_TIMEOUT_MS): Promise<BotHealth> {
  return parseAnswer('health', healthAnswer, await client.request('health', {}, timeoutMs));
}

const statusAnswer = z.object({
  runtimeVersion: z.string().max(80).optional(),
  degradedSecretOwners: z.array(z.unknown()).default([]),
  degradedPlugins: z.array(z.unknown()).default([]),
  processMemory: z.object({ rssBytes: z.number(), heapUsedBytes: z.number() }).optional(),
  pid: z.number().int().optional(),
});
export type BotStatus = z.infer<typeof statusAnswer>;

export async function status(client: GatewayClient, timeoutMs = REQUEST_TIMEOUT_MS): Promise<BotStatus> {
  return parseAnswer('status', statusAnswer, await client.request('status', {}, timeoutMs));
}

/**
 * The version's schema with its hints, 2 MB: which paths are secret stands only here, not in the command line's
 * answer.
 */
export async function configSchemaWithHints(client: GatewayClient, timeoutMs = 30_000): Promise<unknown> {
  return client.request('config.schema', {}, timeoutMs);
}

function parseAnswer<T>(method: string, shape: z.ZodType<T>, payload: unknown): T {
  const parsed = shape.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw new GatewayError('protocol', `The gateway's answer to ${method} has an unknown shape.`, {
    cause: parsed.error,
  });
}
