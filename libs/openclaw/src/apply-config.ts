// Makes a running bot's configuration what it should be, over its WebSocket, and says honestly what came of it.
import { setTimeout as wait } from 'node:timers/promises';
import { type ConfigPatch, configPatch } from './config-diff.ts';
import { readConfigFile } from './config-file.ts';
import { connectGateway, type GatewayClient } from './gateway-client.ts';
import { GatewayError } from './gateway-error.ts';
import { type BotConfig, getConfig, type PatchOutcome, patchConfig, reloadKind } from './gateway-verbs.ts';
import { at, type JsonObject, withAt } from './json-tree.ts';
import { type OwnedValues, withOwned } from './owned-config.ts';

export type ApplyRequest = {
  readonly desired: JsonObject;
  readonly owned: OwnedValues;
  /** The bot's own file: only there can secrets be compared, since the gateway shows them redacted. */
  readonly configFile?: string;
  /** With `false`, nothing is written unless the bot says that the change needs no restart. Default `true`. */
  readonly mayRestart?: boolean;
  /** How long a restart may take; default 60 s. */
  readonly restartTimeoutMs?: number;
  readonly note?: string;
};

export type ApplyStep = {
  readonly step: 'compare' | 'ask' | 'patch' | 'await-restart' | 'verify';
  readonly detail: string;
  readonly durationMs: number;
};

/**
 * `noop`: it was so already. `hot`: changed, same process, no restart. `restarted`: changed, and the bot restarted
 * itself.
 * `restart-needed`: nothing written, see `mayRestart`. `rate-limited`: nothing written, try after `retryAfterMs`.
 * `file-broken`: nothing written, the file must be replaced first. `busy`: nothing written, the file is changed faster
 * than it can be compared. `not-applied`: written, but the bot could not take it over; only a restart makes it so.
 * `unknown`: written perhaps; observe before trying again.
 */
export type ApplyOutcome = { readonly steps: readonly ApplyStep[]; readonly paths: readonly string[] } & (
  | {
      readonly outcome:
        | 'noop'
        | 'hot'
        | 'restarted'
        | 'restart-needed'
        | 'file-broken'
        | 'busy'
        | 'not-applied'
        | 'unknown';
    }
  | { readonly outcome: 'rate-limited'; readonly retryAfterMs: number }
);

const RESTART_TIMEOUT_MS = 60_000;
const RECONNECT_PAUSE_MS = 250;
const VERIFY_MS_MIN = 10_000;
const RELOAD_QUESTIONS_MAX = 50;
const ATTEMPTS_MAX = 3;

/**
 * Patches what differs, never more. Throws `GatewayError` (`refused`) when the bot rejects the configuration itself.
 * The client given is closed by the bot when it restarts; connect anew afterwards.
 */
export async function applyConfig(client: GatewayClient, request: ApplyRequest): Promise<ApplyOutcome> {
  const steps: ApplyStep[] = [];
  const target = withOwned(request.desired, request.owned);
  let wasWritten = false;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const tried = await patchOnce(client, request, target, steps);
    // What was superseded is what the bot reads from its file a moment later, and that holds it by now.
    if (typeof tried !== 'string') return wasWritten && tried.outcome === 'noop' ? { ...tried, outcome: 'hot' } : tried;
    wasWritten ||= tried === 'superseded';
  }
  return { outcome: wasWritten ? 'not-applied' : 'busy', steps, paths: [] };
}

/** `stale` and `superseded`: someone else changed the file meanwhile, before it was written and after. */
async function patchOnce(
  client: GatewayClient,
  request: ApplyRequest,
  target: JsonObject,
  steps: ApplyStep[],
): Promise<ApplyOutcome | 'stale' | 'superseded'> {
  const timed = timer(steps);
  const current = await timed(
    'compare',
    () => getConfig(client),
    (config) => `the bot's file is ${config.valid ? 'valid' : 'broken'}`,
  );
  const parsed = await known(current, request);
  if (parsed === undefined) return { outcome: 'file-broken', steps, paths: [] };
  const change = configPatch(parsed, keepingMeta(parsed, target));
  const { paths } = change;
  if (paths.length === 0) return { outcome: 'noop', steps, paths };
  if (request.mayRestart === false) {
    const needs = await timed(
      'ask',
      () => restartPaths(client, paths),
      (asked) => `${asked.length} paths need a restart`,
    );
    if (needs.length > 0) return { outcome: 'restart-needed', steps, paths: needs };
  }
  const sent: Omit<Sent, 'patched'> = { request, target, change, steps };
  try {
    const patched = await timed(
      'patch',
      () => send(client, change, current, request),
      () => summary(change),
    );
    return await concluded(client, { ...sent, patched });
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return afterFailure(client, sent, error);
  }
}

/** What a patch that was not answered with yes amounts to. The texts are OpenClaw's (2026.9.6); it has no codes. */
async function afterFailure(
  client: GatewayClient,
  sent: Omit<Sent, 'patched'>,
  error: GatewayError,
): Promise<ApplyOutcome | 'stale' | 'superseded'> {
  const { steps } = sent;
  const { paths } = sent.change;
  const { failure, message, retryAfterMs } = error;
  if (/rate limit/.test(message) && retryAfterMs !== undefined) {
    return { outcome: 'rate-limited', retryAfterMs, steps, paths };
  }
  if (failure === 'outcome-unknown' || failure === 'timeout') return concluded(client, { ...sent, patched: undefined });
  if (failure !== 'refused') throw error;
  if (/re-run config\.get|before patching/.test(message)) return 'stale';
  if (!/\bpersisted\b/.test(message)) throw error;
  if (/wait for the Gateway to restart/.test(message)) return concluded(client, { ...sent, patched: undefined });
  return /\(superseded\)/.test(message) ? 'superseded' : { outcome: 'not-applied', steps, paths };
}

/** The bot's present content: from its file where we may read it, else as the gateway shows it. */
async function known(current: BotConfig, request: ApplyRequest): Promise<JsonObject | undefined> {
  if (!current.valid) return undefined;
  if (request.configFile === undefined) return current.parsed;
  const file = await readConfigFile(request.configFile);
  return file.state === 'read' ? file.parsed : undefined;
}

/** `meta` is OpenClaw's own, and an agent `main` without settings is what it adds by itself. */
function keepingMeta(parsed: JsonObject, target: JsonObject): JsonObject {
  const main = ['agents', 'entries', 'main'];
  const added = JSON.stringify(at(parsed, main)) === '{}' && at(target, main) === undefined;
  const whole = added ? withAt(target, main, {}) : target;
  const meta = at(parsed, ['meta']);
  return meta === undefined ? whole : withAt(whole, ['meta'], meta);
}

/** Where a bot does not say what a change costs (protocol 3 never does), a restart has to be expected. */
async function restartPaths(client: GatewayClient, paths: readonly string[]): Promise<readonly string[]> {
  const needing: string[] = [];
  for (const path of paths.slice(0, RELOAD_QUESTIONS_MAX)) {
    const kind = await reloadKind(client, path);
    if (kind !== 'hot' && kind !== 'none') needing.push(path);
  }
  return needing;
}

function send(
  client: GatewayClient,
  change: ConfigPatch,
  current: BotConfig,
  request: ApplyRequest,
): Promise<PatchOutcome> {
  const { patch, replacePaths } = change;
  const note = request.note === undefined ? {} : { note: request.note };
  return patchConfig(client, { patch, replacePaths, baseHash: current.hash, ...note });
}

type Sent = {
  readonly request: ApplyRequest;
  readonly target: JsonObject;
  readonly change: ConfigPatch;
  readonly patched: PatchOutcome | undefined;
  readonly steps: ApplyStep[];
};

async function concluded(client: GatewayClient, sent: Sent): Promise<ApplyOutcome> {
  const { steps, change, patched } = sent;
  const paths = change.paths;
  if (patched?.noop === true) return { outcome: 'noop', steps, paths };
  if (patched !== undefined && patched.requiresRestart !== true) return { outcome: 'hot', steps, paths };
  const timed = timer(steps);
  const deadline = Date.now() + (sent.request.restartTimeoutMs ?? RESTART_TIMEOUT_MS);
  const ended = await timed(
    'await-restart',
    () => endOf(client, deadline),
    (end) => end ?? 'the bot did not disconnect',
  );
  if (ended === undefined && patched !== undefined) return { outcome: 'unknown', steps, paths };
  const comparedBy = Math.max(deadline, Date.now() + VERIFY_MS_MIN);
  const after = await timed(
    'verify',
    () => reconnected(client, sent, comparedBy),
    (seen) => seen ?? 'the bot did not come back',
  );
  if (after !== 'as desired') return { outcome: 'unknown', steps, paths };
  return { outcome: ended === undefined ? 'hot' : 'restarted', steps, paths };
}

async function endOf(client: GatewayClient, deadline: number): Promise<string | undefined> {
  const limit = new AbortController();
  const late = wait(Math.max(deadline - Date.now(), 1), undefined, { signal: limit.signal }).catch(() => undefined);
  const closed = await Promise.race([client.closed, late]);
  limit.abort();
  return closed === undefined ? undefined : `the bot disconnected (${closed.code} ${closed.reason})`;
}

/** Connects until the bot answers again, and compares what it has now with what was wanted. */
async function reconnected(client: GatewayClient, sent: Sent, deadline: number): Promise<string | undefined> {
  for (;;) {
    try {
      const options = {
        ...client.options,
        token: sent.request.owned.token,
        timeoutMs: Math.max(deadline - Date.now(), 1),
      };
      const again = await connectGateway(options);
      try {
        const parsed = await known(await getConfig(again), sent.request);
        if (parsed === undefined) return 'its file is broken';
        const left = configPatch(parsed, keepingMeta(parsed, sent.target)).paths;
        return left.length === 0 ? 'as desired' : `${left.length} paths still differ`;
      } finally {
        again.close();
      }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (Date.now() + RECONNECT_PAUSE_MS >= deadline) return undefined;
      await wait(RECONNECT_PAUSE_MS);
    }
  }
}

function summary(change: ConfigPatch): string {
  const named = change.paths.slice(0, 5).join(', ');
  return change.paths.length > 5 ? `${named} and ${change.paths.length - 5} more` : named;
}

function timer(steps: ApplyStep[]) {
  return async <T>(step: ApplyStep['step'], work: () => Promise<T>, told: (result: T) => string): Promise<T> => {
    const startedAt = performance.now();
    const record = (detail: string) =>
      steps.push({ step, detail, durationMs: Math.round(performance.now() - startedAt) });
    try {
      const result = await work();
      record(told(result));
      return result;
    } catch (error) {
      record(error instanceof Error ? error.message : 'failed');
      throw error;
    }
  };
}
