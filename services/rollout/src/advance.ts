// The one job: looks which change sets can go on, and takes each one step further. Level-based: it reads what is, so
// that a lost wake-up, a restart or a second leader cost time and nothing else.
import {
  AskRelease,
  BotReleased,
  BotSettled,
  ChangeSetStarted,
  FinishChangeSet,
  PlanLayers,
  type Recorded,
  ReleaseAsked,
  ReleaseBot,
  ReleaseCleared,
  RollBackBot,
  RollbackStarted,
  SettleBot,
  StartChangeSet,
} from '@molthub/contracts';
import { isUnavailable, type Reads } from '@molthub/event-store';
import { newId } from '@molthub/identity';
import { type Intent, intend, type Job, type Runtime } from '@molthub/service';
import { z } from 'zod';
import { isAskable } from './clearance/prepare.ts';
import { gatheredSql } from './gathering.ts';
import { isGoodVerdictSql } from './verdict-age.ts';
import type { Wake } from './wake.ts';

/** Rows per look; the commits that follow from them wake the next look. */
const batchMax = 500;
const parallelMax = 64;

type Step = { readonly workspace: string; readonly intent: Intent };
/** What a look found to do. `isFull`: it read as many rows as it may, so there may be more to do, of whomever. */
type Found = { readonly steps: readonly Step[]; readonly isFull: boolean };
const found = (rows: readonly unknown[], steps: readonly Step[]): Found => ({
  steps,
  isFull: rows.length === batchMax,
});
const Pair = z.object({ workspace: z.string(), changeSetId: z.uuid(), botId: z.uuid() });
const Overtaken = Pair.extend({
  generation: z.int(),
  newerVersion: z.int().nullable(),
  newerChangeSetId: z.uuid().nullable(),
});
const Whole = z.object({ workspace: z.string(), changeSetId: z.uuid() });

/** The ids to look at (bots for `overtaken`, change sets for the others); null means all of them. */
type Scope = readonly string[] | null;

const among = (column: string, scope: Scope, place = '$1'): string =>
  scope ? `and ${column} = any(${place}::uuid[])` : '';

/**
 * Bots that a newer version or their deletion took out of a change set that still waits for them. What was never released
 * gives way as soon as a newer version is on its way; what was is kept until that is released, as policy may deny it.
 */
const overtaken = async (reads: Reads, scope: Scope): Promise<Found> => {
  const rows = await reads(
    `select p.workspace, p.change_set_id as "changeSetId", p.bot_id as "botId", p.generation,
       n.version as "newerVersion", n.change_set_id as "newerChangeSetId"
     from change_set_bots p
     left join bots b on b.id = p.bot_id
     left join lateral (
       select o.version, o.change_set_id from change_set_bots o join change_sets c on c.id = o.change_set_id
       where o.bot_id = p.bot_id and o.version > p.version
         and (o.released
           or not p.released and o.open and c.origin = 'release' and c.status in ('PLANNED', 'RUNNING'))
       order by o.version desc limit 1) n on true
     where p.open ${among('p.bot_id', scope)} and (n.version is not null or b.retired)
     limit ${batchMax}`,
    scope ? [scope] : [],
  );
  const steps = z
    .array(Overtaken)
    .parse(rows)
    .map(({ workspace, newerVersion, newerChangeSetId, ...bot }) => ({
      workspace,
      intent: intend(SettleBot, {
        ...bot,
        result: 'SKIPPED',
        message: newerVersion === null ? 'The bot was deleted.' : `Superseded by version ${newerVersion}.`,
        ...(newerChangeSetId === null ? {} : { supersededBy: newerChangeSetId }),
      }),
    }));
  return found(rows, steps);
};

/** Bots that wait for their release, those with a verdict that still holds at `$1` or those without one. */
const waiting = (scope: Scope, isJudged: boolean): string =>
  `select p.workspace, p.change_set_id as "changeSetId", p.bot_id as "botId"
   from change_sets c join change_set_bots p on p.change_set_id = c.id
   where c.status = 'RUNNING' ${among('c.id', scope, '$2')} and p.open and p.state = 'PLANNED'
     and ${isJudged ? 'p.asked_at is null' : isAskable('$1')}
     and ${isGoodVerdictSql({ judgedAt: 'p.judged_at', now: '$1' })} = ${isJudged}
   order by p.change_set_id, p.bot_id limit ${batchMax}`;
const atOnce = (now: string, scope: Scope) => [now, ...(scope ? [scope] : [])];

/** One question to policy is about at most this many bots, so that what denies all of them fits into the answer. */
const askMax = 50;

/** Bots that nobody asked policy about, or whose question or verdict has become too old while they waited. */
const askable = async (reads: Reads, scope: Scope, now: string): Promise<Found> => {
  const rows = await reads(waiting(scope, false), atOnce(now, scope));
  const ofEach = [...Map.groupBy(z.array(Pair).parse(rows), ({ changeSetId }) => changeSetId).values()];
  const steps = ofEach.flatMap((bots) =>
    Array.from({ length: Math.ceil(bots.length / askMax) }, (_, chunk) => {
      const asked = bots.slice(chunk * askMax, (chunk + 1) * askMax);
      const [{ workspace, changeSetId } = { workspace: '', changeSetId: '' }] = asked;
      const botIds = asked.map(({ botId }) => botId);
      return { workspace, intent: intend(AskRelease, { askId: newId(), changeSetId, botIds }) };
    }),
  );
  return found(rows, steps);
};

const releasable = async (reads: Reads, scope: Scope, now: string): Promise<Found> => {
  const rows = await reads(waiting(scope, true), atOnce(now, scope));
  return perBot(rows, (bot) => intend(ReleaseBot, bot));
};

const restorable = async (reads: Reads, scope: Scope): Promise<Found> => {
  const rows = await reads(
    `select p.workspace, p.change_set_id as "changeSetId", p.bot_id as "botId"
     from change_sets c join change_set_bots p on p.change_set_id = c.id
     where c.status = 'ROLLING_BACK' ${among('c.id', scope)} and p.released and p.rollback is null limit ${batchMax}`,
    scope ? [scope] : [],
  );
  return perBot(rows, (bot) => intend(RollBackBot, bot));
};

const finished = async (reads: Reads, scope: Scope): Promise<Found> => {
  const rows = await reads(
    `select workspace, id as "changeSetId" from change_sets c
     where status in ('PLANNED', 'RUNNING', 'ROLLING_BACK') ${among('c.id', scope)}
       and case status when 'ROLLING_BACK' then restored + restore_failed + restore_skipped >= to_restore
         else updated + failed + skipped >= total end
     limit ${batchMax}`,
    scope ? [scope] : [],
  );
  return perChangeSet(rows, (changeSet) => intend(FinishChangeSet, changeSet));
};

/** Releases that a paused fleet kept waiting start by themselves once it is active; requested ones wait for a person. */
const startable = async (reads: Reads, scope: Scope): Promise<Found> => {
  const rows = await reads(
    `select c.workspace, c.id as "changeSetId" from change_sets c join fleets f on f.id = c.fleet_id
     where c.status = 'PLANNED' ${among('c.id', scope)} and c.origin = 'release' and f.status = 'ACTIVE' limit ${batchMax}`,
    scope ? [scope] : [],
  );
  const reason = 'The fleet is active again.';
  return perChangeSet(rows, (changeSet) => intend(StartChangeSet, { ...changeSet, reason }));
};

/** Change sets of layers whose bots have all been published or refused, or been waited for long enough. */
const gathered = async (reads: Reads): Promise<Found> => {
  const rows = await reads(`${gatheredSql} limit ${batchMax}`);
  return perChangeSet(rows, (changeSet) => intend(PlanLayers, changeSet));
};

const perBot = (rows: readonly unknown[], want: (bot: { changeSetId: string; botId: string }) => Intent): Found => {
  const bots = z.array(Pair).parse(rows);
  return found(
    rows,
    bots.map(({ workspace, ...bot }) => ({ workspace, intent: want(bot) })),
  );
};

const perChangeSet = (rows: readonly unknown[], want: (changeSet: { changeSetId: string }) => Intent): Found => {
  const changeSets = z.array(Whole).parse(rows);
  return found(
    rows,
    changeSets.map(({ workspace, ...changeSet }) => ({ workspace, intent: want(changeSet) })),
  );
};

/** In this order: what is overtaken must not be started or released. */
const looks = { gathered, overtaken, finished, startable, askable, releasable, restorable };
type Look = keyof typeof looks;
const inOrder: readonly Look[] = [
  'gathered',
  'overtaken',
  'finished',
  'startable',
  'askable',
  'releasable',
  'restorable',
];

const Concerned = z.object({ changeSetId: z.uuid(), botId: z.uuid().optional(), version: z.int().optional() });

/** Which looks a commit of this event can have given work, and at what. */
const concerns = (event: Recorded): readonly (readonly [Look, string])[] => {
  const id = Concerned.safeParse(event.data).data;
  if (!id) return [];
  switch (event.type) {
    case ChangeSetStarted.type:
    // What did not fit into one question is asked about next.
    case ReleaseAsked.type:
      return [['askable', id.changeSetId]];
    case ReleaseCleared.type:
      return [['releasable', id.changeSetId]];
    case BotReleased.type:
      // A first version overtakes nothing.
      return id.botId && id.version !== 1 ? [['overtaken', id.botId]] : [];
    case BotSettled.type:
      return [['finished', id.changeSetId]];
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

/** `wake` also rings when a fleet or a bot of the catalog changed; every `sweepMs` it looks at everything anyway. */
export const advance = (wake: Wake, sweepMs: number): Job => ({
  name: 'advance',
  single: true,
  run: async (runtime, signal) => {
    let due = new Map<Look, Set<string>>();
    const stop = runtime.committed((events) => {
      const all = events.flatMap(concerns);
      for (const [look, id] of all) due.set(look, (due.get(look) ?? new Set()).add(id));
      if (all.length > 0) wake.ring('commit');
    });
    try {
      // The first pass looks at everything: much may have happened while nobody led.
      wake.ring('catalog');
      let sweepAt = 0;
      while (!signal.aborted) {
        const reason = await wake.next(Math.max(0, sweepAt - performance.now()), signal);
        // Counted from the last time, whatever rang since: commits that never cease must not keep the sweep away.
        const everything = reason !== 'commit' || performance.now() >= sweepAt;
        const now = due;
        due = new Map();
        const failed: unknown[] = [];
        for (const look of inOrder) {
          const ids = now.get(look);
          if (!everything && !ids) continue;
          const scope = everything || !ids ? null : [...ids];
          const { steps, isFull } = await looks[look](runtime.reads, scope, runtime.now().toISOString());
          const { done, faults } = await carryOut(runtime, steps, signal);
          failed.push(...faults);
          if (isFull && done > 0) wake.ring('catalog');
        }
        // Told only now, when all that can go on has: the next run looks at everything again, after a pause that grows.
        if (failed.length > 0) throw failed[0];
        if (everything) sweepAt = performance.now() + sweepMs;
      }
    } finally {
      stop();
    }
  },
});
