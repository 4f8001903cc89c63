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
  type Outcome,
  type Recorded,
  RefuseLayers,
  ResolveAgain,
  ResolutionChanged,
} from '@molthub/contracts';
import { isUnavailable } from '@molthub/event-store';
import { derivedId } from '@molthub/identity';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';

const Change = z.object({
  workspace: z.string(),
  layersVersion: z.int(),
  id: z.uuid(),
  author: Actor,
  correlationId: z.string(),
});
const Bot = z.object({
  workspace: z.string(),
  layersVersion: z.int(),
  changeSetId: z.uuid(),
  botId: z.uuid(),
  author: Actor,
  reason: z.string(),
  changeId: z.uuid(),
  correlationId: z.string(),
  isAutomatic: z.boolean(),
});

const parallelMax = 32;

export type Step<Item> = (item: Item) => Promise<Outcome>;
type Pass = {
  readonly runtime: { readonly logger: Pick<Runtime['logger'], 'warn'> };
  readonly signal: AbortSignal;
  readonly what: string;
};

/**
 * Does `step` with each, `parallel` at a time: what fails for one is told, and holds up no other. Throws where the
 * database is away, once those under way have ended.
 */
export const carryOut = async <Item>(
  items: readonly Item[],
  parallel: number,
  step: Step<Item>,
  pass: Pass,
): Promise<void> => {
  const { runtime, signal, what } = pass;
  const queue = [...items];
  const gone: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item && gone.length === 0 && !signal.aborted; item = queue.shift()) {
      try {
        const outcome = await step(item);
        // What waits for policy's verdict is on its way.
        const isUnderWay = outcome.status === 'DONE' || outcome.status === 'PENDING';
        if (!isUnderWay) runtime.logger.warn({ item, outcome }, `${what} was not done; trying later.`);
      } catch (error) {
        if (isUnavailable(error)) gone.push(error);
        else runtime.logger.warn({ item, err: error }, `${what} failed; trying later.`);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, queue.length) }, worker));
  if (gone.length > 0) throw gone[0];
};

/** Evaluates changes in the order in which they were made; each at the layers of now. */
const evaluateChanges = async (runtime: Runtime, signal: AbortSignal, batchMax: number): Promise<void> => {
  const evaluate: Step<z.infer<typeof Change>> = async ({ workspace, id, author: actor, correlationId }) => {
    const execution = { workspace, actor, correlationId, causationId: id };
    const once = (what: string) => ({ ...execution, id: derivedId(id, what) });
    const outcome = await runtime.execute(EvaluateLayers, { changeId: id }, once('evaluate'));
    if (outcome.status !== 'REFUSED') return outcome;
    // A rule said no, and would again: that is the end of this change, told to whoever asks what came of it.
    const { code, message } = outcome;
    runtime.logger.warn({ workspace, change: id, code, message }, 'A changed layer moves no bot.');
    return runtime.execute(RefuseLayers, { changeId: id, code, message }, once('refuse'));
  };
  let after = { layersVersion: 0, id: noId };
  while (!signal.aborted) {
    const rows = await runtime.reads(
      `select workspace, layers_version as "layersVersion", id, author, correlation_id as "correlationId"
       from layer_changes where bots is null and refused is null and (layers_version, id) > ($1::int, $2::uuid)
       order by layers_version, id limit ${batchMax}`,
      [after.layersVersion, after.id],
    );
    const changes = z.array(Change).parse(rows);
    await carryOut(changes, 1, evaluate, { runtime, signal, what: 'Evaluating a changed layer' });
    const last = changes.at(-1);
    if (!last || changes.length < batchMax) return;
    after = last;
  }
};

/** Looks who is in the shares of overlays, since bots came, went or have other labels. */
const chooseCohorts = async (runtime: Runtime, signal: AbortSignal): Promise<void> => {
  const rows = await runtime.reads(
    `select workspace, id from layers
     where kind = 'overlay' and content->'rollout' ? 'percentage' and content->'enabled' = 'true'`,
  );
  const overlays = z.array(z.object({ workspace: z.string(), id: z.uuid() })).parse(rows);
  const choose: Step<(typeof overlays)[number]> = ({ workspace, id }) =>
    runtime.execute(ChooseCohort, { overlayId: id }, { workspace });
  await carryOut(overlays, 1, choose, { runtime, signal, what: 'Choosing the share of an overlay' });
};

/** Proposes bots anew, some at a time, and answers whether some wait on. */
const resolveBots = async (runtime: Runtime, signal: AbortSignal, batchMax: number): Promise<boolean> => {
  const resolve: Step<z.infer<typeof Bot>> = ({ workspace, changeSetId, botId, reason, isAutomatic, ...bot }) => {
    const { author: actor, correlationId, changeId: causationId } = bot;
    const execution = { workspace, actor, correlationId, causationId, id: derivedId(changeSetId, botId) };
    return runtime.execute(ResolveAgain, { botId, changeSetId, reason, isAutomatic }, execution);
  };
  let after = { layersVersion: 0, botId: noId };
  while (!signal.aborted) {
    const bots = await waiting(runtime, after, batchMax);
    await carryOut(bots, parallelMax, resolve, { runtime, signal, what: 'Proposing a bot anew' });
    const last = bots.at(-1);
    if (!last || bots.length < batchMax) break;
    after = last;
  }
  return (await waiting(runtime, { layersVersion: 0, botId: noId }, 1)).length > 0;
};

const noId = '00000000-0000-0000-0000-000000000000';
type After = Pick<z.infer<typeof Bot>, 'layersVersion' | 'botId'>;

const waiting = async ({ reads }: Runtime, after: After, rowsMax: number): Promise<readonly z.infer<typeof Bot>[]> => {
  const rows = await reads(
    `select r.workspace, r.layers_version as "layersVersion", r.change_set_id as "changeSetId", r.bot_id as "botId",
       r.author, r.reason, c.id as "changeId", c.correlation_id as "correlationId",
       c.change in ('activated', 'deactivated', 'cohort-changed') as "isAutomatic"
     from resolving r join layer_changes c on c.workspace = r.workspace and c.layers_version = r.layers_version
     where (r.layers_version, r.bot_id) > ($1::int, $2::uuid)
     order by r.layers_version, r.bot_id limit ${rowsMax}`,
    [after.layersVersion, after.botId],
  );
  return z.array(Bot).parse(rows);
};

/** Another replica may have published bots, of which this one is not told. */
const chooseEveryMs = 60_000;

const ended = new Set<string>([ManifestPublished, ManifestRefused].map((e) => e.type));

type Looking = {
  readonly runtime: Runtime;
  readonly signal: AbortSignal;
  readonly sweepMs: number;
  readonly isRungBy: (event: Recorded) => boolean;
  readonly look: (isRung: boolean) => Promise<void>;
};

/** Looks at once, then whenever it is rung, and after `sweepMs` anyway. */
const keepLooking = async ({ runtime, signal, sweepMs, isRungBy, look }: Looking): Promise<void> => {
  let isRung = true;
  let awake: (() => void) | null = null;
  const stop = runtime.committed((events) => {
    // Every event is asked about, as some are only remembered.
    if (events.filter(isRungBy).length === 0) return;
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
      const wasRung = isRung;
      isRung = false;
      if (!signal.aborted) await look(wasRung);
    }
  } finally {
    stop();
  }
};

type Each = Pick<Looking, 'runtime' | 'signal' | 'sweepMs'> & { readonly batchMax: number };

const evaluateAll = (each: Each): Promise<void> => {
  const { runtime, signal, batchMax } = each;
  // Many bots come one after the other, and each look is at all of them: these wait for the next sweep.
  let haveBotsChanged = true;
  let chosenAt = 0;
  return keepLooking({
    ...each,
    isRungBy: ({ type }) => {
      haveBotsChanged ||= type === ManifestPublished.type || type === BotRetired.type;
      return type === LayersChanged.type;
    },
    look: async (isRung) => {
      if (!isRung && (haveBotsChanged || performance.now() - chosenAt > chooseEveryMs)) {
        haveBotsChanged = false;
        chosenAt = performance.now();
        await chooseCohorts(runtime, signal);
      }
      await evaluateChanges(runtime, signal, batchMax);
    },
  });
};

const resolveAll = (each: Each): Promise<void> => {
  // Bots that wait behind somebody's proposal go on when it ends; when none does, other proposals wake nobody.
  let someWait = false;
  return keepLooking({
    ...each,
    isRungBy: ({ type }) => type === ResolutionChanged.type || (someWait && ended.has(type)),
    look: async () => {
      someWait = await resolveBots(each.runtime, each.signal, each.batchMax);
    },
  });
};

/** `sweepMs`: how often it looks without being woken; `batchMax`: how many rows it reads at a time. */
export const reachBots = (sweepMs = 5_000, batchMax = 500): Job => ({
  name: 'reach-bots',
  single: true,
  run: async (runtime, stopping) => {
    // Beside each other: an engine that is installed for one bot's schema holds up no other change for that minute.
    const faulted = new AbortController();
    const each = { runtime, signal: AbortSignal.any([stopping, faulted.signal]), sweepMs, batchMax };
    const both = [evaluateAll(each), resolveAll(each)].map((one) => one.finally(() => faulted.abort()));
    const [fault] = (await Promise.allSettled(both)).filter((one) => one.status === 'rejected');
    if (fault) throw fault.reason;
  },
});
