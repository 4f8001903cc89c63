// What a decision needs to know, from rollout's own tables.
import {
  Environment,
  FleetStatus,
  PlannedBot,
  ResolvedManifest,
  VersionReference,
  WindowGate,
  type CommandOf,
  type CreateChangeSet,
} from '@molthub/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import { Rejected } from '@molthub/decider';
import { diff } from '@molthub/manifest';
import type { Expectation } from '@molthub/service';
import type { Reads } from '@molthub/event-store';
import { progressDeadlineSeconds } from '@molthub/strategy';
import { z } from 'zod';
import { isKeptSql } from './kept.ts';
import { lastConverged } from './last-converged.ts';
import { type Candidate, type Conflict, type Creating, plansStream } from './planning/make-plan.ts';
import type { Late, Progress } from './progress.ts';
import type { Part, Releasable } from './release/decider.ts';

/** The version a bot last converged to: where a rollback leads. Null for a bot that never ran one. */
export const convergedVersion = async (botId: string, reads: Reads): Promise<VersionReference | null> => {
  const rows = await reads(lastConverged('$1'), [botId]);
  return rows[0] ? VersionReference.parse(rows[0]) : null;
};

const Fleet = z.object({ id: z.uuid(), name: z.string(), environment: Environment, status: FleetStatus });
const CandidateRow = z.object({
  botId: z.uuid(),
  botName: z.string(),
  labels: z.record(z.string(), z.string()),
  pinned: z.boolean(),
  fleet: Fleet,
  before: VersionReference.nullable(),
  newest: VersionReference,
  released: z.object({ version: z.int(), failed: z.boolean() }).nullable(),
});

/** SQL: the labels that a resolved manifest gives its bot. */
export const labelsSql = (resolved: string): string => `coalesce(${resolved}->'metadata'->'labels', '{}')`;

/**
 * The bots that a change set is to move, with what each has and could have; the targets that are not known; the change
 * sets that are not over and have some of the same bots. One that takes the place of another keeps its ways back.
 */
export const creatingOf = async (
  command: CommandOf<typeof CreateChangeSet>,
  reads: Reads,
): Promise<
  Omit<Creating, 'conflicts'> & {
    readonly conflicts: readonly VersionedConflict[];
    readonly plans: readonly Expectation[];
  }
> => {
  const { workspace, data } = command;
  const { targets, retryOf, changeSetId } = data;
  const [where, target] =
    'fleetId' in targets
      ? ['b.fleet_id = $2::uuid', targets.fleetId]
      : ['b.id = any($2::uuid[])', targets.botInstanceIds];
  await knowsAll(data.publishedVersions ?? 0, workspace, where, target, reads);
  const rows = await reads(
    `select b.id as "botId", b.name as "botName", ${labelsSql('p.resolved')} as labels,
       exists (select from holds h where h.bot_id = b.id and h.kind = 'PIN') as pinned,
       json_build_object('id', f.id, 'name', f.name, 'environment', f.environment, 'status', f.status) as fleet,
       coalesce(s.before, case when c.version is not null
         then jsonb_build_object('version', c.version, 'generation', c.generation, 'hash', c.hash) end) as before,
       json_build_object('version', p.version, 'generation', p.generation, 'hash', p.hash) as newest,
       case when r.version is not null
         then json_build_object('version', r.version, 'failed', r.failed) end as released
     from bots b
     join fleets f on f.id = b.fleet_id
     join published p on p.bot_id = b.id and p.version = b.newest_version
     left join lateral (${lastConverged('b.id')}) c on true
     left join lateral (
       select version, coalesce(rollback, state) = 'FAILED' as failed from change_set_bots
       where bot_id = b.id and released order by version desc, updated_at desc limit 1) r on true
     left join lateral (
       select o.before from change_set_bots o join change_sets x on x.id = o.change_set_id
       where o.bot_id = b.id and x.staged and x.finished_at is null and o.before is not null
         and (o.released or o.open) and x.status in ('RUNNING', 'PAUSED')
       order by x.created_at limit 1) s on true
     where b.workspace = $1 and not b.retired and ${where}
       and ($3::uuid is null or exists (select from change_set_bots o
         where o.change_set_id = $3 and o.bot_id = b.id and o.state = 'FAILED'))
     order by b.name`,
    [workspace, target, retryOf ?? null],
  );
  const all = z.array(CandidateRow).parse(rows);
  const known = new Set(all.map(({ botId }) => botId));
  const unknownTargets =
    'fleetId' in targets
      ? await unknownFleet(workspace, targets.fleetId, reads)
      : targets.botInstanceIds.filter((id) => !known.has(id) && retryOf === undefined);
  const candidates: readonly Candidate[] = all.filter(({ pinned }) => !pinned);
  // Read before the conflicts: what is entered after this is decided again.
  const plans = await plansOf([...new Set(candidates.map(({ fleet }) => fleet.id))], reads);
  return {
    candidates,
    plans,
    pinned: all.filter(({ pinned }) => pinned).map(({ botName }) => botName),
    unknownTargets,
    conflicts: await conflictsOf(
      candidates.map(({ botId }) => botId),
      reads,
    ),
    lineageId: retryOf === undefined ? changeSetId : await lineageOf(retryOf, workspace, reads),
  };
};

/** What was published a moment ago may not be heard of yet; a plan without it would leave bots out, and not say so. */
const knowsTriesMax = 60;
const knowsAll = async (
  versions: number,
  workspace: string,
  where: string,
  target: string | readonly string[],
  reads: Reads,
): Promise<void> => {
  for (let tries = 0; tries < knowsTriesMax; tries += 1) {
    const [row] = await reads<{ versions: number }>(
      `select coalesce(sum(b.newest_version), 0)::int as versions from bots b
       where b.workspace = $1 and not b.retired and ${where}`,
      [workspace, target],
    );
    if ((row?.versions ?? 0) >= versions) return;
    await delay(50);
  }
  throw new Error('Some versions of these bots are not known yet.');
};

/** How long the list of plans of each fleet is. */
const plansOf = async (fleetIds: readonly string[], reads: Reads): Promise<readonly Expectation[]> => {
  const streams = fleetIds.map(plansStream);
  const rows = await reads(
    `select s as stream, coalesce((select max(e.version) from events e where e.stream_id = s), 0)::int as version
     from unnest($1::text[]) s`,
    [streams],
  );
  return z.array(z.object({ stream: z.string(), version: z.int() })).parse(rows);
};

const ConflictRow = z.object({
  changeSetId: z.uuid(),
  name: z.string(),
  bots: z.array(z.string()),
  isGoingBack: z.boolean(),
  leftOut: z.array(z.string()),
  version: z.int(),
});

/** With the version at which the other one is in the way. */
type VersionedConflict = Conflict & { readonly version: number };

const conflictsOf = async (botIds: readonly string[], reads: Reads): Promise<readonly VersionedConflict[]> =>
  Promise.all(
    z
      .array(ConflictRow)
      .parse(
        await reads(
          `select c.id as "changeSetId", c.name, array_agg(p.bot_name order by p.bot_name) as bots,
         c.status = 'ROLLING_BACK' as "isGoingBack", c.version,
         array(select o.bot_name from change_set_bots o where o.change_set_id = c.id and o.released
           and o.bot_id <> all($1::uuid[]) order by o.bot_name) as "leftOut"
       from change_set_bots p join change_sets c on c.id = p.change_set_id
       where p.bot_id = any($1::uuid[]) and c.staged and c.finished_at is null
         and (p.open or c.status in ('RUNNING', 'PAUSED', 'ROLLING_BACK'))
       group by c.id, c.name, c.status, c.version, c.created_at order by c.created_at`,
          [botIds],
        ),
      )
      .map(async (row) => ({ ...row, paths: await changedPaths(row.changeSetId, botIds, reads) })),
  );

const VersionsRow = z.object({ before: z.json().nullable(), after: z.json() });
/** So many of its bots are looked at: those of a fleet mostly change alike. */
const comparedMax = 20;

/** The paths in which a change set changes some of these bots. */
const changedPaths = async (changeSetId: string, botIds: readonly string[], reads: Reads): Promise<string[]> => {
  const rows = await reads(
    `select old.resolved as before, new.resolved as after from change_set_bots p
     join published new on new.bot_id = p.bot_id and new.version = (p.after->>'version')::int
     left join published old on old.bot_id = p.bot_id and old.version = (p.before->>'version')::int
     where p.change_set_id = $1 and p.bot_id = any($2::uuid[]) order by p.bot_name limit ${comparedMax}`,
    [changeSetId, botIds],
  );
  const paths = z
    .array(VersionsRow)
    .parse(rows)
    .flatMap(({ before, after }) => (before === null ? [] : diff(before, after).map(({ path }) => path)));
  return [...new Set(paths)].toSorted();
};

/** That of the first of them, so that all of them rank their bots alike. */
const lineageOf = async (retryOf: string, workspace: string, reads: Reads): Promise<string> => {
  const [row] = await reads('select coalesce(lineage_id, id) as id from change_sets where id = $1 and workspace = $2', [
    retryOf,
    workspace,
  ]);
  if (!row) {
    throw new Rejected('rollout.change-set-not-found', 'The change set that is to be repeated does not exist.', [
      { path: 'retryOf', code: 'not-found', message: `${retryOf} is not known here.` },
    ]);
  }
  return z.uuid().parse(row['id']);
};

/** Why a published version does not go at once; null where nothing keeps its bot. */
export const waitsFor = async (botId: string, changeSetId: string, reads: Reads): Promise<string | null> => {
  const rows = await reads(`select 1 where ${isKeptSql('$1::uuid', '$2::uuid')}`, [botId, changeSetId]);
  return rows.length > 0 ? 'It waits: its bot is pinned, or another change set that has moved it is not over.' : null;
};

const unknownFleet = async (workspace: string, fleetId: string, reads: Reads): Promise<readonly string[]> => {
  const found = await reads('select 1 from fleets where workspace = $1 and id = $2', [workspace, fleetId]);
  return found.length > 0 ? [] : [fleetId];
};

const Starting = z.object({ fleetStatus: FleetStatus.nullable(), gate: WindowGate.nullable() });

/** The status of a change set's fleet, null where either is unknown, and when its waves may start. */
export const startingOf = async (changeSetId: string, reads: Reads) => {
  const rows = await reads(
    `select f.status as "fleetStatus", c.strategy->'gates'->'window' as gate
     from change_sets c left join fleets f on f.id = c.fleet_id where c.id = $1`,
    [changeSetId],
  );
  const { fleetStatus, gate } = rows[0] ? Starting.parse(rows[0]) : { fleetStatus: null, gate: null };
  return { fleetStatus, gate: gate ?? undefined };
};

export const isKnownBot = async (
  { workspace, data }: { readonly workspace: string; readonly data: { readonly botId: string } },
  reads: Reads,
): Promise<boolean> => {
  const rows = await reads('select 1 from bots where id = $1 and workspace = $2 and not retired', [
    data.botId,
    workspace,
  ]);
  return rows.length > 0;
};

export const releasedBots = async (changeSetId: string, reads: Reads): Promise<number> => {
  const rows = await reads<{ bots: number }>(
    'select count(*)::int as bots from change_set_bots where change_set_id = $1 and released',
    [changeSetId],
  );
  return rows[0]?.bots ?? 0;
};

/** Bots that may be released at any moment. */
export const waitingBots = async (changeSetId: string, reads: Reads): Promise<readonly string[]> => {
  const rows = await reads<{ botId: string }>(
    `select p.bot_id as "botId" from change_set_bots p join change_sets c on c.id = p.change_set_id
     where c.id = $1 and p.open and p.state = 'PLANNED' and p.wave <= coalesce(c.current_wave, 0) order by p.bot_id`,
    [changeSetId],
  );
  return rows.map(({ botId }) => botId);
};

const ProgressRow = z.object({
  total: z.int(),
  updated: z.int(),
  failed: z.int(),
  skipped: z.int(),
  toRestore: z.int(),
  restored: z.int(),
  restoreFailed: z.int(),
  restoreSkipped: z.int(),
  failedNames: z.array(z.string()),
  supersededBy: z.uuid().nullable(),
});

/** How far a change set is; null where there is none. */
export const progressOf = async (changeSetId: string, reads: Reads): Promise<Progress | null> => {
  const rows = await reads(
    `select total, updated, failed, skipped, to_restore as "toRestore", restored, restore_failed as "restoreFailed",
       restore_skipped as "restoreSkipped", superseded_by as "supersededBy",
       array(select bot_name from change_set_bots b where b.change_set_id = c.id
         and case c.status when 'ROLLING_BACK' then rollback else state end = 'FAILED'
         order by bot_name limit 5) as "failedNames"
     from change_sets c where id = $1`,
    [changeSetId],
  );
  return rows[0] ? ProgressRow.parse(rows[0]) : null;
};

/** SQL: of change sets `c` that take their bots back, those of which for so long at `now` no bot was asked or settled. */
export const isLateBackSql = (now: string): string => `c.status = 'ROLLING_BACK'
  and greatest(c.going_back_at, (select max(o.updated_at) from change_set_bots o
    where o.change_set_id = c.id and o.rollback is not null)) + ${deadlineSql} * interval '1 second' < ${now}`;
const deadlineSql = `coalesce((c.strategy->>'progressDeadlineSeconds')::int, ${progressDeadlineSeconds})`;

const LateRow = z.object({ deadlineSeconds: z.int(), bots: z.int(), names: z.array(z.string()) });

/** Bots that are not back in time; null while there is time left, and where nobody goes back. */
export const lateBackOf = async (changeSetId: string, now: Date, reads: Reads): Promise<Late | null> => {
  const rows = await reads(
    `select ${deadlineSql} as "deadlineSeconds", count(*)::int as bots,
       (array_agg(p.bot_name order by p.bot_name))[1:5] as names
     from change_sets c join change_set_bots p on p.change_set_id = c.id
     where c.id = $1 and ${isLateBackSql('$2')} and p.released
       and (p.rollback is null or p.rollback = 'REQUESTED' or p.rollback = 'RELEASED' and p.open)
     group by c.strategy`,
    [changeSetId, now],
  );
  return rows[0] ? LateRow.parse(rows[0]) : null;
};

const PartRow = z.object({
  status: z.string(),
  reason: z.string(),
  changeSetVersion: z.int(),
  retired: z.boolean(),
  planned: PlannedBot,
  newestVersion: z.int(),
  changedTo: z.int().nullable(),
});
const partColumns = `c.status, c.message as reason, c.version as "changeSetVersion", b.retired,
  b.newest_version as "newestVersion",
  (select max(o.version) from change_set_bots o where o.bot_id = p.bot_id and o.change_set_id <> p.change_set_id
    and o.released and o.version > (p.after->>'version')::int) as "changedTo", json_build_object('botId', p.bot_id, 'botName', p.bot_name, 'wave', p.wave,
    'before', p.before, 'after', p.after) as planned`;
const partTables = `change_set_bots p join change_sets c on c.id = p.change_set_id join bots b on b.id = p.bot_id`;

/** A bot's part of a change set, and the version of the change set that this rests on. */
export const partOf = async (
  changeSetId: string,
  botId: string,
  reads: Reads,
): Promise<Part & { readonly changeSetVersion: number }> => {
  const rows = await reads(`select ${partColumns} from ${partTables} where p.change_set_id = $1 and p.bot_id = $2`, [
    changeSetId,
    botId,
  ]);
  return PartRow.parse(known(rows[0], changeSetId, botId));
};

const ReleasableRow = PartRow.extend({
  judgedAt: z
    .date()
    .transform((time) => time.toISOString())
    .nullable(),
  fleet: Fleet,
  resolved: ResolvedManifest,
  currentWave: z.int(),
  origin: z.enum(['release', 'request']),
  held: z.boolean(),
  pinned: z.string().nullable(),
  kept: z.boolean(),
  takenBy: z.object({ changeSetId: z.uuid(), version: z.int(), failed: z.boolean() }).nullable(),
});

/** A bot's part of a running change set with everything its release carries, and the version that this rests on. */
export const releasableOf = async (
  changeSetId: string,
  botId: string,
  reads: Reads,
): Promise<Releasable & { readonly changeSetVersion: number }> => {
  const rows = await reads(
    `select ${partColumns}, p.judged_at as "judgedAt", v.resolved, coalesce(c.current_wave, 0) as "currentWave", c.origin,
       exists (select from holds h where h.bot_id = p.bot_id and h.kind = 'HOLD') as held,
       (select h.reason from holds h where h.bot_id = p.bot_id and h.kind = 'PIN') as pinned,
       (${isKeptSql('p.bot_id', 'c.id')}) as kept,
       json_build_object('id', f.id, 'name', f.name, 'environment', f.environment, 'status', f.status) as fleet,
       (select json_build_object('changeSetId', o.change_set_id, 'version', o.version, 'failed', o.failed)
        from (select *, coalesce(rollback, state) = 'FAILED' as failed from change_set_bots) o
        where o.bot_id = p.bot_id and o.change_set_id <> p.change_set_id and o.released
        order by o.version desc, o.failed limit 1) as "takenBy"
     from ${partTables}
     join fleets f on f.id = b.fleet_id
     join published v on v.bot_id = p.bot_id and v.version = p.version
     where p.change_set_id = $1 and p.bot_id = $2`,
    [changeSetId, botId],
  );
  return ReleasableRow.parse(known(rows[0], changeSetId, botId));
};

const known = <Row>(row: Row | undefined, changeSetId: string, botId: string): Row => {
  // The listener may be behind the reaction; whoever asked tries again.
  if (!row) throw new Error(`Bot ${botId} of change set ${changeSetId} is not known yet.`);
  return row;
};
