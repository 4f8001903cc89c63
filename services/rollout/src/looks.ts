// Which change sets can go on, and by which step: what can be done now is read from what is.
import {
  AskRelease,
  ExpireChangeSet,
  FinishChangeSet,
  PlanLayers,
  ReleaseBot,
  RollBackBot,
  SettleBot,
  StartChangeSet,
  Strategy,
} from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { newId } from '@molthub/identity';
import { type Intent, intend } from '@molthub/service';
import { z } from 'zod';
import { isAskable } from './clearance/prepare.ts';
import { windowOf } from './course/observe.ts';
import { isKeptSql } from './kept.ts';
import { gatheredSql } from './gathering.ts';
import { isLateBackSql } from './queries.ts';
import { isGoodVerdictSql } from './verdict-age.ts';

/** Rows per look; the commits that follow from them wake the next look. */
const batchMax = 500;

export type Step = { readonly workspace: string; readonly intent: Intent };
/**
 * What a look found to do. `isFull`: it read as many rows as it may, so there may be more to do, of whomever. `faults`:
 * what it could not read, which holds up nobody else.
 */
type Found = { readonly steps: readonly Step[]; readonly isFull: boolean; readonly faults?: readonly unknown[] };
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

/**
 * Bots of the wave that runs which wait for their release, those with a verdict that still holds at `$1` or those without
 * one; no more than may be on their way or unavailable at once.
 */
const waiting = (scope: Scope, isJudged: boolean): string =>
  `select workspace, "changeSetId", "botId" from (
     select p.workspace, p.change_set_id as "changeSetId", p.bot_id as "botId", c.room,
       row_number() over (partition by p.change_set_id order by p.wave, p.bot_id) as place
     from (${withRoom}) c join change_set_bots p on p.change_set_id = c.id
     where c.status = 'RUNNING' ${among('c.id', scope, '$2')} and p.open and p.state = 'PLANNED'
       and p.wave <= c.current_wave
       and ${isJudged ? 'p.asked_at is null' : isAskable('$1')}
       and ${isGoodVerdictSql({ judgedAt: 'p.judged_at', now: '$1' })} = ${isJudged}) w
   where room is null or place <= room
   order by "changeSetId", place limit ${batchMax}`;

const atOnce = (now: string, scope: Scope) => [now, ...(scope ? [scope] : [])];

/** SQL: change sets, with how many more bots of each may be on their way now; null for as many as there are. */
const withRoom = `
  select c.*, r.room from change_sets c left join lateral (
    select least((c.strategy->>'maxParallel')::int - away.moving, unavailable.most - away.moving - away.unwell) as room
    from (
      select count(*) filter (where o.released and o.open)::int as moving,
        count(*) filter (where not o.open and h.status = 'UNHEALTHY' and h.hash = o.after->>'hash')::int as unwell
      from change_set_bots o left join bot_health h on h.bot_id = o.bot_id where o.change_set_id = c.id) away,
    lateral (select coalesce((c.strategy->'maxUnavailable'->>'count')::int,
      floor((c.strategy->'maxUnavailable'->>'percent')::int * c.total / 100.0)::int) as most) unavailable
    ) r on c.staged`;

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

/** Bots that are to go back; no more than may be on their way at once. */
const restorable = async (reads: Reads, scope: Scope): Promise<Found> => {
  const rows = await reads(
    `select workspace, "changeSetId", "botId" from (
       select p.workspace, p.change_set_id as "changeSetId", p.bot_id as "botId",
         row_number() over (partition by p.change_set_id order by p.bot_id) as place,
         (c.strategy->>'maxParallel')::int - (select count(*) from change_set_bots o where o.change_set_id = c.id
           and (o.rollback = 'REQUESTED' or o.rollback = 'RELEASED' and o.open)) as room
       from change_sets c join change_set_bots p on p.change_set_id = c.id
       where c.status = 'ROLLING_BACK' ${among('c.id', scope)} and p.released and p.rollback is null) w
     where room is null or place <= room
     order by "changeSetId", place limit ${batchMax}`,
    scope ? [scope] : [],
  );
  return perBot(rows, (bot) => intend(RollBackBot, bot));
};

const finished = async (reads: Reads, scope: Scope): Promise<Found> => {
  const rows = await reads(
    `select workspace, id as "changeSetId" from change_sets c
     where finished_at is null
       and status in ('PLANNED', 'AWAITING_APPROVAL', 'APPROVED', 'RUNNING', 'ROLLING_BACK') ${among('c.id', scope)}
       and not (staged and status = 'RUNNING')
       and case status when 'ROLLING_BACK' then restored + restore_failed + restore_skipped >= to_restore
         else updated + failed + skipped >= total end
     limit ${batchMax}`,
    scope ? [scope] : [],
  );
  return perChangeSet(rows, (changeSet) => intend(FinishChangeSet, changeSet));
};

/** Those that take their bots back, and of which no bot has come for too long. */
const late = async (reads: Reads, _scope: Scope, now: string): Promise<Found> => {
  const rows = await reads(
    `select workspace, id as "changeSetId" from change_sets c
     where finished_at is null and ${isLateBackSql('$1')} limit ${batchMax}`,
    [now],
  );
  return perChangeSet(rows, (changeSet) => intend(FinishChangeSet, changeSet));
};

const Startable = Whole.extend({ strategy: z.unknown() });

/**
 * Releases that something kept waiting start by themselves once nothing does any more: a paused fleet, an approval, the
 * hour, a pin, another change set that has its bot. Requested ones wait for a person.
 */
const startable = async (reads: Reads, scope: Scope, now: string): Promise<Found> => {
  const rows = await reads(
    `select c.workspace, c.id as "changeSetId", c.strategy from change_sets c join fleets f on f.id = c.fleet_id
     where c.finished_at is null and c.status in ('PLANNED', 'APPROVED') ${among('c.id', scope)} and c.origin = 'release' and f.status = 'ACTIVE'
       and not exists (select from change_set_bots p where p.change_set_id = c.id and (${isKeptSql('p.bot_id', 'c.id')}))
     limit ${batchMax}`,
    scope ? [scope] : [],
  );
  const reason = 'Nothing keeps it waiting any more.';
  const steps: Step[] = [];
  const faults: unknown[] = [];
  for (const { workspace, changeSetId, strategy } of z.array(Startable).parse(rows)) {
    const read = Strategy.safeParse(strategy);
    if (!read.success) {
      faults.push(new Error(`The strategy of change set ${changeSetId} cannot be read.`, { cause: read.error }));
    } else if (windowOf(read.data.gates?.window, new Date(now)).open) {
      steps.push({ workspace, intent: intend(StartChangeSet, { changeSetId, reason }) });
    }
  }
  return { ...found(rows, steps), faults };
};

/** Plans that were not approved in time. */
const expirable = async (reads: Reads, _scope: Scope, now: string): Promise<Found> => {
  const rows = await reads(
    `select workspace, id as "changeSetId" from change_sets
     where finished_at is null and status in ('AWAITING_APPROVAL', 'APPROVED') and created_at
       + coalesce((strategy->'gates'->'approval'->>'expiresSeconds')::int, 259200) * interval '1 second' <= $1
       and (status = 'AWAITING_APPROVAL' or (select count(*) from approvals a where a.change_set_id = change_sets.id
         and a.approved_at + coalesce((strategy->'gates'->'approval'->>'expiresSeconds')::int, 259200) * interval '1 second'
           > $1) < (strategy->'gates'->'approval'->>'count')::int)
     limit ${batchMax}`,
    [now],
  );
  return perChangeSet(rows, (whole) => intend(ExpireChangeSet, whole));
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

/** In this order: what is overtaken must not be started or released, and who was not asked to go back is not late. */
export const looks = { gathered, expirable, overtaken, finished, startable, askable, releasable, restorable, late };
export type Look = keyof typeof looks;
export const inOrder: readonly Look[] = [
  'gathered',
  'expirable',
  'overtaken',
  'finished',
  'startable',
  'askable',
  'releasable',
  'restorable',
  'late',
];
