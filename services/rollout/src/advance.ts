// The one job: looks which change sets can go on, and takes each one step further. Level-based: it reads what is, so
// that a lost wake-up, a restart or a second leader cost time and nothing else.
import {
  BotReleased,
  BotSettled,
  ChangeSetResumed,
  ChangeSetStarted,
  type Recorded,
  ReleaseAsked,
  ReleaseCleared,
  RollbackStarted,
  WaveStarted,
} from '@molthub/contracts';
import { isUnavailable } from '@molthub/event-store';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { forgetWindows } from './course/evidence.ts';
import { type JudgeSettings, judgeLook } from './course/judge-look.ts';
import { inOrder, type Look, looks, type Step } from './looks.ts';
import type { Wake } from './wake.ts';

const parallelMax = 64;

const Concerned = z.object({ changeSetId: z.uuid(), botId: z.uuid().optional(), version: z.int().optional() });

/** Which looks a commit of this event can have given work, and at what. */
const concerns = (event: Recorded): readonly (readonly [Look, string])[] => {
  const id = Concerned.safeParse(event.data).data;
  if (!id) return [];
  switch (event.type) {
    case ChangeSetStarted.type:
    case WaveStarted.type:
    // What did not fit into one question is asked about next.
    case ReleaseAsked.type:
      return [['askable', id.changeSetId]];
    case ReleaseCleared.type:
      return [['releasable', id.changeSetId]];
    case ChangeSetResumed.type:
      return [
        ['askable', id.changeSetId],
        ['releasable', id.changeSetId],
      ];
    case BotReleased.type:
      // A first version overtakes nothing.
      return id.botId && id.version !== 1 ? [['overtaken', id.botId]] : [];
    case BotSettled.type:
      // There may be room for others now, on the way there or back.
      return [
        ['finished', id.changeSetId],
        ['askable', id.changeSetId],
        ['releasable', id.changeSetId],
        ['restorable', id.changeSetId],
      ];
    case RollbackStarted.type:
      return [['restorable', id.changeSetId]];
    default:
      return [];
  }
};

type CarriedOut = { readonly done: number; readonly faults: readonly unknown[] };

/** Runs the steps, some at a time: what fails for one bot must not hold up the others. */
const carryOut = async (runtime: Runtime, pending: readonly Step[], signal: AbortSignal): Promise<CarriedOut> => {
  const queue = [...pending];
  const faults: unknown[] = [];
  let done = 0;
  const take = async ({ workspace, intent }: Step): Promise<void> => {
    const outcome = await runtime.execute(intent.definition, intent.data, { workspace });
    if (outcome.status === 'DONE') done += 1;
    else runtime.logger.warn({ command: intent.definition.type, outcome }, 'A change set did not go on; trying later.');
  };
  const worker = async (): Promise<void> => {
    for (let step = queue.shift(); step && !signal.aborted; step = queue.shift()) {
      await take(step).catch((error: unknown) => {
        if (isUnavailable(error)) throw error;
        faults.push(error);
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelMax, queue.length) }, worker));
  return { done, faults };
};

export type AdvanceSettings = JudgeSettings & {
  /** How often everything is looked at without being woken. */
  readonly sweepMs: number;
};

/** While change sets bake: time passes without any commit. After a commit sooner, but not at each of a thousand. */
const judgeEveryMs = 1_000;
const judgeSoonMs = 150;
const forgetEveryMs = 3_600_000;

/** `wake` also rings when a fleet or a bot of the catalog changed. */
export const advance = (wake: Wake, { sweepMs, ...judging }: AdvanceSettings): Job => ({
  name: 'advance',
  single: true,
  run: async (runtime, signal) => {
    let due = new Map<Look, Set<string>>();
    let [sweepAt, judgedAt, judgeAt, forgetAt] = [0, 0, 0, 0];
    const stop = runtime.committed((events) => {
      const all = events.flatMap(concerns);
      for (const [look, id] of all) due.set(look, (due.get(look) ?? new Set()).add(id));
      if (all.length > 0) wake.ring('commit');
    });
    try {
      // The first pass looks at everything: much may have happened while nobody led.
      wake.ring('catalog');
      while (!signal.aborted) {
        const reason = await wake.next(Math.max(0, Math.min(sweepAt, judgeAt) - performance.now()), signal);
        // Counted from the last time, whatever rang since: commits that never cease must not keep the sweep away.
        const everything = reason === 'catalog' || performance.now() >= sweepAt;
        const now = due;
        due = new Map();
        const failed = await lookAtAll(runtime, everything, now, wake, signal);
        if (reason === 'commit') judgeAt = Math.min(judgeAt, judgedAt + judgeSoonMs);
        if (everything || performance.now() >= judgeAt) {
          const { steps, underWay, faults } = await judgeLook(runtime.reads, runtime.now(), judging);
          failed.push(...faults, ...(await carryOut(runtime, steps, signal)).faults);
          judgedAt = performance.now();
          judgeAt = judgedAt + (steps.length > 0 ? judgeSoonMs : underWay > 0 ? judgeEveryMs : sweepMs);
        }
        // Told only now, when all that can go on has: the next run looks at everything again, after a pause that grows.
        if (failed.length > 0) throw failed[0];
        if (everything) sweepAt = performance.now() + sweepMs;
        if (performance.now() >= forgetAt) {
          await runtime.write((sql) => forgetWindows(sql, runtime.now().toISOString()));
          forgetAt = performance.now() + forgetEveryMs;
        }
      }
    } finally {
      stop();
    }
  },
});

/** Answers what went wrong; the rest has been done. */
const lookAtAll = async (
  runtime: Runtime,
  everything: boolean,
  due: ReadonlyMap<Look, ReadonlySet<string>>,
  wake: Wake,
  signal: AbortSignal,
): Promise<unknown[]> => {
  const failed: unknown[] = [];
  for (const look of inOrder) {
    const ids = due.get(look);
    if (!everything && !ids) continue;
    const scope = everything || !ids ? null : [...ids];
    try {
      const {
        steps,
        isFull,
        faults: unread = [],
      } = await looks[look](runtime.reads, scope, runtime.now().toISOString());
      const { done, faults } = await carryOut(runtime, steps, signal);
      failed.push(...unread, ...faults);
      if (isFull && done > 0) wake.ring('catalog');
    } catch (error) {
      // One look that fails holds up none of the others; a database that is away fails them all.
      if (isUnavailable(error)) throw error;
      failed.push(error);
    }
  }
  return failed;
};
