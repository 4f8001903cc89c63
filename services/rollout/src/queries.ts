// What a decision needs to know, from rollout's own tables.
import {
  Environment,
  FleetStatus,
  PlannedBot,
  ResolvedManifest,
  VersionReference,
  type CommandOf,
  type CreateChangeSet,
} from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import type { Candidate } from './decider.ts';
import { lastConverged } from './last-converged.ts';
import type { Progress } from './progress.ts';
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
  fleet: Fleet,
  before: VersionReference.nullable(),
  newest: VersionReference,
  released: z.object({ version: z.int(), failed: z.boolean() }).nullable(),
});

/** The bots that a change set is to move, with what each has and could have; and the targets that are not known. */
export const candidatesOf = async (
  { workspace, data: { targets } }: CommandOf<typeof CreateChangeSet>,
  reads: Reads,
): Promise<{ readonly candidates: readonly Candidate[]; readonly unknownTargets: readonly string[] }> => {
  const [where, target] =
    'fleetId' in targets
      ? ['b.fleet_id = $2::uuid', targets.fleetId]
      : ['b.id = any($2::uuid[])', targets.botInstanceIds];
  const rows = await reads(
    `select b.id as "botId", b.name as "botName",
       json_build_object('id', f.id, 'name', f.name, 'environment', f.environment, 'status', f.status) as fleet,
       case when c.version is not null
         then json_build_object('version', c.version, 'generation', c.generation, 'hash', c.hash) end as before,
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
     where b.workspace = $1 and not b.retired and ${where}
     order by b.name`,
    [workspace, target],
  );
  const candidates = z.array(CandidateRow).parse(rows);
  const known = new Set(candidates.map(({ botId }) => botId));
  const unknownTargets =
    'fleetId' in targets
      ? await unknownFleet(workspace, targets.fleetId, reads)
      : targets.botInstanceIds.filter((id) => !known.has(id));
  return { candidates, unknownTargets };
};

const unknownFleet = async (workspace: string, fleetId: string, reads: Reads): Promise<readonly string[]> => {
  const found = await reads('select 1 from fleets where workspace = $1 and id = $2', [workspace, fleetId]);
  return found.length > 0 ? [] : [fleetId];
};

/** The status of a change set's fleet; null where either is unknown. */
export const fleetStatusOf = async (changeSetId: string, reads: Reads): Promise<FleetStatus | null> => {
  const rows = await reads('select f.status from change_sets c join fleets f on f.id = c.fleet_id where c.id = $1', [
    changeSetId,
  ]);
  return rows[0] ? FleetStatus.parse(rows[0]['status']) : null;
};

export const releasedBots = async (changeSetId: string, reads: Reads): Promise<number> => {
  const rows = await reads<{ bots: number }>(
    'select count(*)::int as bots from change_set_bots where change_set_id = $1 and released',
    [changeSetId],
  );
  return rows[0]?.bots ?? 0;
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

const PartRow = z.object({
  status: z.string(),
  reason: z.string(),
  changeSetVersion: z.int(),
  retired: z.boolean(),
  planned: PlannedBot,
  newestVersion: z.int(),
});
const partColumns = `c.status, c.message as reason, c.version as "changeSetVersion", b.retired,
  b.newest_version as "newestVersion", json_build_object('botId', p.bot_id, 'botName', p.bot_name, 'wave', p.wave,
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
  takenBy: z.object({ changeSetId: z.uuid(), version: z.int(), failed: z.boolean() }).nullable(),
});

/** A bot's part of a running change set with everything its release carries, and the version that this rests on. */
export const releasableOf = async (
  changeSetId: string,
  botId: string,
  reads: Reads,
): Promise<Releasable & { readonly changeSetVersion: number }> => {
  const rows = await reads(
    `select ${partColumns}, p.judged_at as "judgedAt", v.resolved,
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
