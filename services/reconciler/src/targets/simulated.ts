// Target `simulated`: any number of bots inside this process, each behaving as its manifest's spec.config.simulation says.
import { setTimeout as delay } from 'node:timers/promises';
import { Rejected } from '@molthub/decider';
import { configPatch } from '@molthub/openclaw';
import { createHeap } from '../heap.ts';
import { planActions } from '../plan.ts';
import type { Desired, Observation, Target } from '../target.ts';
import {
  configureBot,
  createBot,
  differencesOfBot,
  nextDue,
  observedConfig,
  observedHash,
  type SimulatedBot,
  startBot,
  stopBot,
  takeDue,
} from './simulated-bot.ts';
import { openSimulatedEndpoint } from './simulated-endpoint.ts';
import type { SpanExporter } from './simulated-spans.ts';

export type SimulatedSettings = {
  /** Where the bots answered before, so that their addresses survive a restart of Molthub; 0 for any port. */
  readonly port: number;
  /** Null where nobody takes spans. */
  readonly spans: SpanExporter | null;
  readonly now?: () => number;
  /** Ends starts and changes that are under way. */
  readonly signal?: AbortSignal;
};

export type SimulatedTarget = Target & {
  readonly port: number;
  readonly bots: ReadonlyMap<string, SimulatedBot>;
};

export const createSimulatedTarget = async (settings: SimulatedSettings): Promise<SimulatedTarget> => {
  const now = settings.now ?? Date.now;
  const bots = new Map<string, SimulatedBot>();
  const endpoint = await openSimulatedEndpoint(bots, settings.port);
  const listeners = new Set<(botId: string) => void>();
  const lives = liveBots(bots, now, (bot, what) => {
    if (what === 'request') return settings.spans?.answered(bot, now());
    if (what === 'crash') stopBot(bot, false, 'crashed');
    if (what === 'drift') bot.selfEdits += 1;
    for (const changed of listeners) changed(bot.botId);
  });
  const known = (desired: Desired): SimulatedBot => {
    const bot = bots.get(desired.botId);
    if (!bot) throw new Error(`The simulated bot ${desired.botId} is not configured.`);
    return bot;
  };
  const start = async (desired: Desired) => {
    const bot = known(desired);
    await pause(bot.simulation.startMs, desired.cancelled ?? settings.signal);
    startBot(bot, desired.restarts, now());
    lives.expect(bot);
  };
  return {
    kind: 'simulated',
    concurrency: 256,
    confirmMs: 50,
    node: null,
    port: endpoint.port,
    bots,
    plan: planActions,
    observe: async (desired) => observe(bots.get(desired.botId), endpoint.port),
    install: async () => {},
    configure: async (desired) => {
      refuseOtherEngines(desired);
      const bot = bots.get(desired.botId) ?? createBot(desired);
      bots.set(desired.botId, bot);
      const wasUp = bot.process.is === 'up';
      const simulation = createBot(desired).simulation;
      await pause(simulation.applyMs, desired.cancelled ?? settings.signal);
      if (simulation.failApply) {
        throw new Rejected('reconciler.apply-refused', 'simulated: spec.config.simulation.failApply is true.', [
          { path: 'spec.config.simulation.failApply', code: 'refused', message: 'Set it to false to let it apply.' },
        ]);
      }
      configureBot(bot, desired, now());
      lives.expect(bot);
      return wasUp ? 'hot' : 'needs-restart';
    },
    start,
    stop: async (desired) => {
      const bot = bots.get(desired.botId);
      if (bot) stopBot(bot, true, 'stopped as asked');
    },
    restart: async (desired) => {
      stopBot(known(desired), true, 'restarting');
      await start(desired);
    },
    destroy: async (desired) => {
      bots.delete(desired.botId);
    },
    logs: async (desired, lines) => logLines(bots.get(desired.botId)).slice(-lines),
    adopt: async (adopted) => {
      for (const desired of adopted) {
        const bot = readable(desired);
        if (!bot) continue;
        bots.set(desired.botId, bot);
        configureBot(bot, desired, now());
        if (desired.run === 'STOPPED') continue;
        startBot(bot, desired.restarts, now());
        lives.expect(bot);
      }
    },
    marked: async () =>
      [...bots.values()].map(({ botId, workspace, process }) => ({
        botId,
        workspace,
        pid: null,
        detail: `simulated: its process is ${process.is}`,
      })),
    observedPatch: async ({ botId, resolved }) => {
      const bot = bots.get(botId);
      return bot ? configPatch(resolved.spec.config, observedConfig(bot)) : null;
    },
    watch: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    close: async () => {
      lives.end();
      await endpoint.close();
      await settings.spans?.close();
    },
  };
};

const pause = async (ms: number, signal?: AbortSignal) => {
  if (ms > 0) await delay(ms, undefined, signal ? { signal } : {});
};

/** Null for a bot whose stored manifest cannot be read: its next look finds it missing, and says why. */
const readable = (desired: Desired): SimulatedBot | null => {
  try {
    return createBot(desired);
  } catch (error) {
    if (error instanceof Rejected) return null;
    throw error;
  }
};

const refuseOtherEngines = ({ resolved }: Desired) => {
  const { engine } = resolved.spec.runtime;
  if (engine === 'simulated') return;
  throw new Rejected(
    'reconciler.engine-refused',
    `Target simulated cannot run engine ${engine}; it would only pretend to.`,
    [{ path: 'spec.target.kind', code: 'refused', message: 'Use target local for this engine.' }],
  );
};

const observe = (bot: SimulatedBot | undefined, port: number): Observation => {
  if (!bot) return { is: 'absent' };
  if (bot.process.is === 'down') {
    return { is: 'stopped', asAsked: bot.process.asAsked, detail: bot.process.detail, version: null };
  }
  return {
    is: 'running',
    endpoint: { url: `http://127.0.0.1:${port}/bots/${bot.botId}`, pid: null },
    tokenReference: null,
    generation: bot.generation,
    hash: observedHash(bot),
    version: null,
    restarts: bot.restarts,
    channels: bot.channels,
    answers: 'yes',
    differences: differencesOfBot(bot),
  };
};

/** A simulated bot writes no log; what it knows of itself is said, and nothing else. */
const logLines = (bot: SimulatedBot | undefined): readonly string[] =>
  bot
    ? [
        `simulated: generation ${bot.generation}, ${bot.process.is}, channels ${bot.channels}`,
        `simulated: ${bot.selfEdits} changes of its own to its configuration`,
      ]
    : [];

type Life = { readonly at: number; readonly botId: string };

/**
 * At most 20,000 a second, several times what the exporter can deliver. Bots that are asked more than that answer later
 * and fewer, so that nothing piles up and everything else in this process has its turn.
 */
const atOnceMax = 200;
const breathMs = 10;

/** One timer for all bots, set to whatever happens first; none at all while nothing will. */
const liveBots = (
  bots: ReadonlyMap<string, SimulatedBot>,
  now: () => number,
  happens: (bot: SimulatedBot, what: 'drift' | 'crash' | 'request') => void,
) => {
  const lives = createHeap<Life>((a, b) => a.at < b.at);
  let timer: NodeJS.Timeout | null = null;
  let timerAt = Infinity;
  const wake = () => {
    timer = null;
    timerAt = Infinity;
    // One moment for all of them: what is due again lies behind it, however long this takes.
    const moment = now();
    let taken = 0;
    for (let life = lives.peek(); life && life.at <= moment && taken < atOnceMax; life = lives.peek(), taken += 1) {
      lives.pop();
      const bot = bots.get(life.botId);
      // An entry of a bot that was rescheduled since is skipped: its newer entry is in the heap as well.
      if (!bot || nextDue(bot) > life.at) continue;
      for (const what of takeDue(bot, moment)) if (bot.process.is === 'up') happens(bot, what);
      enter(bot);
    }
    arm(taken < atOnceMax ? 1 : breathMs);
  };
  const arm = (waitMsMin: number) => {
    const next = lives.peek()?.at ?? Infinity;
    if (next >= timerAt) return;
    if (timer) clearTimeout(timer);
    timerAt = next;
    timer = setTimeout(wake, Math.min(Math.max(next - now(), waitMsMin), 2_000_000_000));
  };
  const enter = (bot: SimulatedBot) => {
    const at = nextDue(bot);
    if (at !== Infinity) lives.push({ at, botId: bot.botId });
  };
  return {
    expect: (bot: SimulatedBot) => {
      enter(bot);
      arm(1);
    },
    end: () => {
      if (timer) clearTimeout(timer);
      timer = null;
      timerAt = -Infinity;
    },
  };
};
