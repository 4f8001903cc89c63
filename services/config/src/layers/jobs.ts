// Brings changed layers to their bots: which ones a change moves is found and told, then each is proposed anew.
// Level-based: it reads what is left to do, so that a lost wake-up, a restart or a second leader cost time and nothing else.
import {
  Actor,
  BotRetired,
  ChooseCohort,
  EvaluateLayers,
  LayersChanged,
  ManifestPublished,
  ManifestRefused,
  ResolveAgain,
  ResolutionChanged,
} from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';

const Change = z.object({ workspace: z.string(), id: z.uuid(), author: Actor, correlationId: z.string() });
const Bot = z.object({
  workspace: z.string(),
  changeSetId: z.uuid(),
  botId: z.uuid(),
  author: Actor,
  reason: z.string(),
  changeId: z.uuid(),
  correlationId: z.string(),
  isAutomatic: z.boolean(),
});

const batchMax = 500;
const parallelMax = 32;

/** Evaluates changes in the order in which they were made; each at the layers of now. */
const evaluateChanges = async (runtime: Runtime, signal: AbortSignal): Promise<void> => {
  const rows = await runtime.reads(
    `select workspace, id, author, correlation_id as "correlationId" from layer_changes where bots is null
     order by layers_version limit ${batchMax}`,
  );
  for (const { workspace, id, author: actor, correlationId } of z.array(Change).parse(rows)) {
    if (signal.aborted) return;
    const execution = { workspace, actor, correlationId, causationId: id, id: derivedId(id, 'evaluate') };
    await runtime.execute(EvaluateLayers, { changeId: id }, execution);
  }
};

/** Looks who is in the shares of overlays, since bots came, went or have other labels. */
const chooseCohorts = async (runtime: Runtime, signal: AbortSignal): Promise<void> => {
  const rows = await runtime.reads(
    `select workspace, id from layers
     where kind = 'overlay' and content->'rollout' ? 'percentage' and content->'enabled' = 'true'`,
  );
  for (const { workspace, id } of z.array(z.object({ workspace: z.string(), id: z.uuid() })).parse(rows)) {
    if (signal.aborted) return;
    await runtime.execute(ChooseCohort, { overlayId: id }, { workspace });
  }
};

/** Proposes bots anew, some at a time; answers whether some wait on, and whether others came that were not tried yet. */
const resolveBots = async (runtime: Runtime, signal: AbortSignal): Promise<{ waiting: boolean; more: boolean }> => {
  const tried = await waiting(runtime);
  if (tried.length === 0) return { waiting: false, more: false };
  const queue = [...tried];
  const worker = async (): Promise<void> => {
    for (let bot = queue.shift(); bot && !signal.aborted; bot = queue.shift()) {
      const { workspace, changeSetId, botId, reason, changeId, correlationId, isAutomatic } = bot;
      const id = derivedId(changeSetId, botId);
      const execution = { workspace, actor: bot.author, correlationId, causationId: changeId, id };
      await runtime.execute(ResolveAgain, { botId, changeSetId, reason, isAutomatic }, execution);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelMax, queue.length) }, worker));
  const left = await waiting(runtime);
  return { waiting: left.length > 0, more: left.some((bot) => !tried.some((was) => isSame(bot, was))) };
};

const isSame = (a: z.infer<typeof Bot>, b: z.infer<typeof Bot>) =>
  a.botId === b.botId && a.changeSetId === b.changeSetId;

const waiting = async ({ reads }: Runtime): Promise<readonly z.infer<typeof Bot>[]> => {
  const rows = await reads(
    `select r.workspace, r.change_set_id as "changeSetId", r.bot_id as "botId", r.author, r.reason,
       c.id as "changeId", c.correlation_id as "correlationId",
       c.change in ('activated', 'deactivated', 'cohort-changed') as "isAutomatic"
     from resolving r join layer_changes c on c.workspace = r.workspace and c.layers_version = r.layers_version
     order by r.layers_version, r.bot_id limit ${batchMax}`,
  );
  return z.array(Bot).parse(rows);
};

/** Another replica may have published bots, of which this one is not told. */
const chooseEveryMs = 60_000;

const began = new Set<string>([LayersChanged, ResolutionChanged].map((e) => e.type));
const ended = new Set<string>([ManifestPublished, ManifestRefused].map((e) => e.type));

/** `sweepMs`: how often it looks without being woken. */
export const reachBots = (sweepMs = 5_000): Job => ({
  name: 'reach-bots',
  single: true,
  run: async (runtime, signal) => {
    // Bots that wait behind somebody's proposal go on when it ends; when none does, other proposals wake nobody.
    let someWait = false;
    let isRung = true;
    // Many bots come one after the other, and each look is at all of them: these wait for the next sweep.
    let haveBotsChanged = true;
    let chosenAt = 0;
    let awake: (() => void) | null = null;
    const stop = runtime.committed((events) => {
      haveBotsChanged ||= events.some(({ type }) => type === ManifestPublished.type || type === BotRetired.type);
      if (!events.some(({ type }) => began.has(type) || (someWait && ended.has(type)))) return;
      isRung = true;
      awake?.();
    });
    const rest = () =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(done, sweepMs);
        function done() {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        }
        awake = done;
        signal.addEventListener('abort', done);
      });
    try {
      while (!signal.aborted) {
        if (!isRung) await rest();
        if (!isRung && (haveBotsChanged || performance.now() - chosenAt > chooseEveryMs)) {
          haveBotsChanged = false;
          chosenAt = performance.now();
          await chooseCohorts(runtime, signal);
        }
        isRung = false;
        await evaluateChanges(runtime, signal);
        const left = await resolveBots(runtime, signal);
        someWait = left.waiting;
        if (left.more) isRung = true;
      }
    } finally {
      stop();
    }
  },
});
