// Target `local`: real OpenClaw bots on this machine. Their processes outlive Molthub and are adopted again.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Rejected } from '@molthub/decider';
import {
  botEnvironment,
  connectGateway,
  findBotProcess,
  GatewayError,
  installOpenclaw,
  isHeldElsewhere,
  lastLogLines,
  ownedReasons,
  startBot,
  type StartedBot,
  stopBot,
  waitReady,
  withOwned,
  writeConfigFile,
} from '@molthub/openclaw';
import type { Logger } from '@molthub/telemetry';
import { planActions } from '../plan.ts';
import type { Configured, Desired, Observation, Say, Target } from '../target.ts';
import { applyLive } from './local-apply.ts';
import { compare, effectiveConfig, ownedOf, patchOf } from './local-compare.ts';
import { markedOn } from './local-marked.ts';
import {
  type Identity,
  isAnythingLeft,
  nodeIdOf,
  type Place,
  placeOf,
  prepare,
  readIdentity,
  readToken,
  removeLeftOvers,
  removePlace,
  renewToken,
  withFreePort,
  writeIdentity,
} from './local-place.ts';
import { applyModes, isTokenTooOld, securityDifferences } from './local-security.ts';
import { resolveSecrets } from './local-secrets.ts';
import { changeVersion } from './local-snapshot.ts';
import { createSupervisor, type Supervisor } from './local-supervisor.ts';
import { engineConfig, hasChannels } from './openclaw-config.ts';

export type LocalSettings = {
  readonly home: string;
  readonly machineEnv: Readonly<Record<string, string | undefined>>;
  /** See `SecretPlaces`; default none. */
  readonly secretEnv?: Readonly<Record<string, string>>;
  /** Where OpenClaw versions are installed; default `<home>/runtimes`. */
  readonly runtimesDir?: string;
  readonly hungAfterMs?: number;
  readonly startTimeoutMs?: number;
  /** Ends what may take long: an install, the wait for a bot to get ready. The bot's process goes on. */
  readonly signal?: AbortSignal;
};

type Local = LocalSettings & {
  readonly nodeId: string;
  readonly runtimes: string;
  readonly startTimeout: number;
  readonly supervisor: Supervisor;
  /** How processes that this one started ended; of adopted ones nobody can tell. */
  readonly exits: Map<string, string>;
  readonly preparing: <T>(work: () => Promise<T>) => Promise<T>;
  readonly starting: <T>(work: () => Promise<T>) => Promise<T>;
};

const startsAtOnce = 2;
const stopGraceMs = 30_000;

export const openLocalTarget = async (settings: LocalSettings, logger: Logger): Promise<Target> => {
  const listeners = new Set<(botId: string) => void>();
  const startTimeout = settings.startTimeoutMs ?? 120_000;
  await removeLeftOvers(settings.home).catch((error: unknown) =>
    logger.warn({ err: error }, 'what is left of removed bots could not be removed; tried again at the next start'),
  );
  const supervisor = createSupervisor({
    hungAfterMs: settings.hungAfterMs ?? 15_000,
    startGraceMs: startTimeout,
    changed: (botId) => {
      for (const changed of listeners) changed(botId);
    },
    failed: (botId, error) => logger.warn({ err: error, botId }, 'watching a bot failed; trying again'),
  });
  const local: Local = {
    ...settings,
    nodeId: await nodeIdOf(settings.home),
    runtimes: settings.runtimesDir ?? join(settings.home, 'runtimes'),
    startTimeout,
    supervisor,
    exits: new Map(),
    preparing: slots(1),
    // A start keeps a core busy for seconds; more at once would only make each of them slower.
    starting: slots(startsAtOnce),
  };
  return {
    kind: 'local',
    concurrency: 16,
    confirmMs: 300,
    node: local.nodeId,
    plan: planActions,
    observe: (desired) => observe(local, desired),
    install: async (desired, say) => {
      await install(local, desired, say);
    },
    configure: (desired, say) => configure(local, desired, say),
    start: (desired, say) => start(local, desired, say),
    stop: (desired, how) => stop(local, desired, how),
    restart: async (desired, say) => {
      await stop(local, desired, 'clean');
      await start(local, desired, say);
    },
    destroy: (desired) => destroy(local, desired),
    logs: (desired, lines) => logs(placeOf(local.home, desired.botId), lines),
    adopt: async (bots) => {
      for (const { botId } of bots) {
        try {
          const place = placeOf(local.home, botId);
          const identity = await readIdentity(place);
          if (identity?.nodeId !== local.nodeId || identity.intent === 'stopped') continue;
          supervisor.look(place, identity.port, startedAtOf(identity));
        } catch (error) {
          // One bot's damaged folder must not keep the others from being adopted.
          logger.warn({ err: error, botId }, 'a bot could not be adopted; it is looked at again');
        }
      }
    },
    marked: () => markedOn(local.home, local.nodeId),
    observedPatch: async (desired) => {
      const place = placeOf(local.home, desired.botId);
      const identity = await readIdentity(place);
      return identity?.nodeId === local.nodeId ? patchOf(place, identity, desired) : null;
    },
    watch: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    close: async () => supervisor.close(),
  };
};

const observe = async (local: Local, desired: Desired): Promise<Observation> => {
  const place = placeOf(local.home, desired.botId);
  const identity = await readIdentity(place);
  if (!identity) {
    const isLeft = desired.run === 'DESTROYED' && (await isAnythingLeft(place));
    return isLeft ? { is: 'stopped', asAsked: true, detail: 'half removed', version: null } : { is: 'absent' };
  }
  if (identity.nodeId !== local.nodeId || identity.botId !== desired.botId) {
    return { is: 'foreign', detail: `its folder belongs to bot ${identity.botId} of machine ${identity.nodeId}` };
  }
  const process = await findBotProcess(place.dirs);
  if (!process) {
    const asAsked = identity.intent === 'stopped';
    const detail = asAsked ? 'stopped as asked' : (local.exits.get(desired.botId) ?? 'its process ended');
    return { is: 'stopped', asAsked, detail, version: identity.version };
  }
  const [answers, { differences, hash }, kept] = await Promise.all([
    local.supervisor.answers(place, identity.port, startedAtOf(identity)),
    compare(place, identity, desired),
    securityDifferences(place, desired.resolved.spec.security),
  ]);
  return {
    is: 'running',
    endpoint: { url: `ws://127.0.0.1:${identity.port}`, pid: process.pid },
    tokenReference: place.tokenReference,
    generation: identity.generation,
    hash,
    version: identity.version,
    restarts: identity.restarts,
    channels: identity.channels,
    answers,
    differences: [...differences, ...kept],
  };
};

const versionOf = (desired: Desired): string => {
  const { engine, version } = desired.resolved.spec.runtime;
  if (engine === 'openclaw' && version !== undefined) return version;
  throw new Rejected('reconciler.engine-refused', 'Target local runs engine openclaw with a pinned version.', [
    { path: 'spec.runtime', code: 'refused', message: 'Name engine openclaw and a version such as 2026.9.6.' },
  ]);
};

const install = (local: Local, desired: Desired, say: Say) => {
  const signal = desired.cancelled ?? local.signal;
  return installOpenclaw({
    version: versionOf(desired),
    runtimesDir: local.runtimes,
    log: say,
    machineEnv: local.machineEnv,
    ...(signal ? { signal } : {}),
  });
};

const configure = async (local: Local, desired: Desired, say: Say): Promise<Configured> => {
  const place = placeOf(local.home, desired.botId);
  const configured = await writeOrApply(local, place, desired, say);
  await applyModes(place, desired.resolved.spec.security);
  return configured;
};

const writeOrApply = async (local: Local, place: Place, desired: Desired, say: Say): Promise<Configured> => {
  const version = versionOf(desired);
  const reasons = ownedReasons(engineConfig(desired.resolved));
  if (reasons.length > 0)
    throw new Rejected('reconciler.config-refused', 'spec.config sets what Molthub sets.', reasons);
  const identity = await ownIdentity(local, place, desired);
  const channels = desired.run === 'PAUSED' ? 'cut' : 'open';
  const config = effectiveConfig(desired, channels);
  const reached = { generation: desired.generation, channels } as const;
  const isTokenOver = await isTokenTooOld(place, desired.resolved.spec.security);
  const renewed = async () => {
    if (!isTokenOver) return;
    await renewToken(place);
    say('its token was past its time; it gets another one');
  };
  if (!(await findBotProcess(place.dirs))) {
    await renewed();
    const placed = await local.preparing(() => withFreePort(local.home, place, identity));
    if (placed.port !== identity.port) say(`port ${identity.port} is taken by someone else; it gets ${placed.port}`);
    const moved = await changeVersion(place, placed, version, say);
    await writeConfigFile(place.dirs.configFile, withOwned(config, await ownedOf(place, moved)));
    await writeIdentity(place, { ...moved, ...reached });
    return 'needs-restart';
  }
  if (identity.version !== version) throw new Error(`The bot still runs ${identity.version}; it has to stop first.`);
  if (isTokenOver || identity.processKey !== processKeyOf(desired)) {
    // It has to start anew in any case; written before it ended, the file would be reloaded for nothing.
    await stop(local, desired, 'clean');
    await renewed();
    await writeConfigFile(place.dirs.configFile, withOwned(config, await ownedOf(place, identity)));
    await writeIdentity(place, { ...identity, ...reached, intent: 'stopped' });
    return 'needs-restart';
  }
  const note = `molthub: generation ${desired.generation}`;
  const owned = await ownedOf(place, identity);
  const applied = await applyLive({ config, owned, configFile: place.dirs.configFile, note, say });
  await writeIdentity(place, { ...identity, ...reached });
  return applied;
};

const ownIdentity = async (local: Local, place: Place, desired: Desired): Promise<Identity> => {
  const identity = await local.preparing(() => prepare(local.home, place, local.nodeId, desired.workspace));
  if (identity.nodeId === local.nodeId && identity.botId === desired.botId) return identity;
  throw new Rejected('reconciler.foreign', "The bot's folder belongs to another machine; nothing was touched.");
};

/** What only a new process takes over. References stand for secrets, whose values are in no hash. */
const processKeyOf = (desired: Desired): string => {
  const { runtime, secrets } = desired.resolved.spec;
  const parts = [versionOf(desired), runtime.env ?? {}, secrets ?? [], hasChannels(engineConfig(desired.resolved))];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
};

const start = (local: Local, desired: Desired, say: Say): Promise<void> =>
  local.starting(async () => {
    desired.cancelled?.throwIfAborted();
    const place = placeOf(local.home, desired.botId);
    const before = await readIdentity(place);
    if (!before) throw new Error('The bot is not configured yet.');
    const { entry, node } = await install(local, desired, say);
    const { runtime, secrets } = desired.resolved.spec;
    const places = { home: local.home, workspace: desired.workspace, secretEnv: local.secretEnv ?? {} };
    const env = botEnvironment({
      dirs: place.dirs,
      node,
      hasChannels: hasChannels(engineConfig(desired.resolved)),
      env: { ...runtime.env, ...(await resolveSecrets(secrets ?? [], places)) },
      machineEnv: local.machineEnv,
    });
    // Written first: a crash in between must not lead to a second restart.
    const startedAt = new Date().toISOString();
    const { restarts } = desired;
    const about = { intent: 'running' as const, restarts, processKey: processKeyOf(desired), startedAt };
    await writeIdentity(place, { ...before, ...about });
    local.supervisor.look(place, before.port, Date.parse(startedAt));
    const started = await startBot({ entry, node, dirs: place.dirs, env, port: before.port });
    if (started.outcome === 'already-running') await writeIdentity(place, { ...before, intent: 'running' });
    void started.exited?.then(({ code, signal }) => {
      local.exits.set(desired.botId, signal === null ? `exited with ${code}` : `killed by ${signal}`);
    });
    say(`process ${started.identity.pid} on port ${before.port}`);
    await ready(local, desired, place, { ...started, port: before.port });
    // A bot that starts writes its file anew, as its owner's alone.
    await applyModes(place, desired.resolved.spec.security);
  });

type Begun = Pick<StartedBot, 'identity' | 'exited' | 'logFrom'> & { readonly port: number };

/** Exit code 78 is OpenClaw's word for a configuration that will never start, and for a state that another one holds. */
const configurationExit = 78;

const ready = async (local: Local, desired: Desired, place: Place, begun: Begun): Promise<void> => {
  const { port, identity } = begun;
  const signal = desired.cancelled ?? local.signal;
  const readiness = await waitReady({
    port,
    identity,
    timeoutMs: local.startTimeout,
    ...(signal ? { signal } : {}),
  });
  if (readiness.state === 'ready') return answersItself(place, port);
  if (readiness.state === 'timeout') {
    throw new Error(`OpenClaw did not get ready within ${local.startTimeout / 1_000} s: ${readiness.lastAnswer}`);
  }
  const exit = await begun.exited;
  const held = (await lastLogLines(place.dirs.processLogFile, 20, begun.logFrom)).find(isHeldElsewhere);
  if (held !== undefined) throw new Error(`Another OpenClaw process holds the state of this bot: ${held}`);
  if (exit?.code === configurationExit) {
    throw new Rejected(
      'reconciler.bot-refused-config',
      `OpenClaw ${versionOf(desired)} does not start with this configuration (exit code 78); its log says why.`,
    );
  }
  const how = exit?.signal ?? `exit code ${exit?.code ?? 'unknown'}`;
  throw new Error(`OpenClaw ended while it was starting (${how}); the log of bot ${place.botId} says why.`);
};

/** Whoever holds the port answers; only the bot itself knows its token. */
const answersItself = async (place: Place, port: number): Promise<void> => {
  try {
    const client = await connectGateway({
      url: `ws://127.0.0.1:${port}`,
      token: await readToken(place),
      timeoutMs: 30_000,
      scopes: ['operator.read'],
    });
    client.close();
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    await stopBot({ dirs: place.dirs, port, graceMs: 0 });
    throw new Error(`Port ${port} is answered by somebody else, or the bot lets nobody in (${error.code}).`, {
      cause: error,
    });
  }
};

const stop = async (local: Local, desired: Desired, how: 'clean' | 'hard'): Promise<void> => {
  const place = placeOf(local.home, desired.botId);
  const identity = await readIdentity(place);
  if (!identity || identity.nodeId !== local.nodeId) return;
  await writeIdentity(place, { ...identity, intent: 'stopped' });
  await stopBot({ dirs: place.dirs, port: identity.port, graceMs: how === 'hard' ? 0 : stopGraceMs });
  // Looking for a process that is meant not to be there goes through all processes, twice a second.
  local.supervisor.forget(desired.botId);
};

const destroy = async (local: Local, desired: Desired): Promise<void> => {
  const place = placeOf(local.home, desired.botId);
  const identity = await readIdentity(place);
  if (identity && identity.nodeId !== local.nodeId) {
    throw new Rejected('reconciler.foreign', "The bot's folder belongs to another machine; nothing was touched.");
  }
  if (identity) await stop(local, desired, 'clean');
  else await stopBot({ dirs: place.dirs, port: 0 });
  local.exits.delete(desired.botId);
  await removePlace(place);
};

const logs = async ({ dirs }: Place, lines: number): Promise<readonly string[]> => {
  const own = await lastLogLines(dirs.logFile, lines);
  return own.length > 0 ? own : lastLogLines(dirs.processLogFile, lines);
};

const startedAtOf = ({ startedAt }: Identity) => (startedAt === null ? null : Date.parse(startedAt));

/** At most `count` of the works given to it run at once; the others wait their turn. */
const slots = (count: number) => {
  const waiting: (() => void)[] = [];
  let busy = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (busy >= count) await new Promise<void>((resolve) => waiting.push(resolve));
    else busy += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else busy -= 1;
    }
  };
};
