// The hot part of the read model, set-based: thousands of bots are planned, released and settled with a few statements.
import {
  BotReleased,
  BotSettled,
  ChangeSetFinished,
  ChangeSetPlanned,
  ChangeSetStarted,
  type FactOf,
  PlanRecorded,
  type Recorded,
  WaveStarted,
} from '@molthub/contracts';
import type { Sql } from '@molthub/event-store';
import { isStaged } from './planning/make-plan.ts';

const definitions = [
  ChangeSetPlanned,
  PlanRecorded,
  ChangeSetStarted,
  WaveStarted,
  BotReleased,
  BotSettled,
  ChangeSetFinished,
] as const;
type HotFact = FactOf<(typeof definitions)[number]>;
export const hotTypes: ReadonlySet<string> = new Set(definitions.map(({ type }) => type));

/** The facts of the way forward; the way back and early ends are rare and go one by one. */
export const isHot = (event: Recorded): event is Recorded<HotFact> =>
  hotTypes.has(event.type) &&
  !(isObject(event.data) && (event.data['direction'] === 'rollback' || event.data['untouched'] !== undefined));
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

type Released = { change_set_id: string; bot_id: string; time: string };
type Settled = Released & { ordinal: number; result: string; message: string; superseded_by: string | null };
type Ended = { id: string; status: string; message: string; time: string; version: number };
type Step = { id: string; version: number; started_at: string | null; current_wave: number | null };

/** Rows to be written, collected in the order of the events; each kind is written by one statement, in this order. */
export type Segment = {
  readonly sets: Record<string, unknown>[];
  readonly bots: Record<string, unknown>[];
  readonly steps: Map<string, Step>;
  readonly released: Released[];
  readonly settled: Settled[];
  readonly ended: Ended[];
};

export const emptySegment = (): Segment => ({
  sets: [],
  bots: [],
  steps: new Map(),
  released: [],
  settled: [],
  ended: [],
});

/** Adds a fact. The kinds are written in the order in which a change set lives through them. */
export const addTo = (segment: Segment, event: Recorded<HotFact>): void => {
  const { workspace, time, version } = event;
  const step = (more: Partial<Step>) => {
    const id = event.data.changeSetId;
    const known = segment.steps.get(id) ?? { id, version, started_at: null, current_wave: null };
    segment.steps.set(id, { ...known, version, ...more });
  };
  switch (event.type) {
    case 'rollout.change-set.planned.v1': {
      const {
        changeSetId: id,
        fleetId,
        fleetName,
        planHash,
        bots,
        environment: _,
        refusedBots = [],
        lineageId = null,
        ...same
      } = event.data;
      const { strategy } = event.data;
      const status = strategy.gates?.approval ? 'AWAITING_APPROVAL' : 'PLANNED';
      const judged = { status, staged: isStaged(strategy), lineage_id: lineageId };
      const fleet = { fleet_id: fleetId, fleet_name: fleetName };
      const planned = { plan_hash: planHash, total: bots, refused_bots: refusedBots, created_at: time };
      const row = { ...fleet, ...planned, ...judged };
      segment.sets.push({ ...same, ...row, id, workspace, version });
      return;
    }
    case 'rollout.plan.recorded.v1': {
      const { changeSetId: change_set_id, bots } = event.data;
      for (const { botId: bot_id, botName: bot_name, wave, before, after } of bots) {
        const { version: planned, generation } = after;
        const row = { bot_id, bot_name, wave, before, after, version: planned, generation, time };
        segment.bots.push({ workspace, change_set_id, ...row });
      }
      return step({});
    }
    case 'rollout.change-set.started.v1':
      return step({ started_at: time });
    case 'rollout.wave.started.v1':
      return step({ current_wave: event.data.wave });
    case 'rollout.bot.released.v1':
      segment.released.push({ change_set_id: event.data.changeSetId, bot_id: event.data.botId, time });
      return;
    case 'rollout.bot.settled.v1': {
      const { changeSetId: change_set_id, botId: bot_id, result, message, supersededBy = null } = event.data;
      const ordinal = segment.settled.length;
      segment.settled.push({ change_set_id, bot_id, time, ordinal, result, message, superseded_by: supersededBy });
      return;
    }
    case 'rollout.change-set.finished.v1': {
      const { changeSetId: id, status, message } = event.data;
      segment.ended.push({ id, status, message, time, version });
      return;
    }
    default:
      throw new Error('A fact that is not hot was added to a segment.');
  }
};

const statements = {
  sets: `
    insert into change_sets (workspace, id, name, status, origin, fleet_id, fleet_name, strategy, plan_hash, total,
      waves, refused, refused_bots, reason, author, version, created_at, staged, lineage_id, notes)
    select workspace, id, name, status, origin, fleet_id, fleet_name, strategy, plan_hash, total, waves,
      coalesce(refused, 0), refused_bots, reason, author, version, created_at, staged, lineage_id, coalesce(notes, '[]')
    from jsonb_to_recordset($1) as s (workspace text, id uuid, name text, status text, origin text, fleet_id uuid,
      fleet_name text, strategy jsonb, plan_hash text, total int, waves int, refused int, refused_bots jsonb,
      reason text, author jsonb, version int, created_at timestamptz, staged boolean, lineage_id uuid, notes jsonb)`,
  bots: `
    insert into change_set_bots
      (workspace, change_set_id, bot_id, bot_name, wave, version, generation, before, after, updated_at)
    select workspace, change_set_id, bot_id, bot_name, wave, version, generation, nullif(before, 'null'), after, time
    from jsonb_to_recordset($1) as b (workspace text, change_set_id uuid, bot_id uuid, bot_name text, wave int,
      version int, generation int, before jsonb, after jsonb, time timestamptz)`,
  steps: `
    update change_sets c set version = s.version, current_wave = coalesce(s.current_wave, c.current_wave),
      started_at = coalesce(s.started_at, c.started_at),
      status = case when s.started_at is null then c.status else 'RUNNING' end
    from jsonb_to_recordset($1) as s (id uuid, version int, started_at timestamptz, current_wave int)
    where c.id = s.id`,
  released: `
    update change_set_bots b set state = 'RELEASED', released = true, updated_at = r.time
    from jsonb_to_recordset($1) as r (change_set_id uuid, bot_id uuid, time timestamptz)
    where b.change_set_id = r.change_set_id and b.bot_id = r.bot_id`,
  settled: `
    with s as (
      select * from jsonb_to_recordset($1) as s (change_set_id uuid, bot_id uuid, time timestamptz, ordinal int,
        result text, message text, superseded_by uuid)
    ), part as (
      update change_set_bots b set state = s.result, open = false, message = s.message, updated_at = s.time
      from s where b.change_set_id = s.change_set_id and b.bot_id = s.bot_id)
    update change_sets c set updated = c.updated + t.updated, failed = c.failed + t.failed,
      skipped = c.skipped + t.skipped, superseded_by = coalesce(t.superseded_by, c.superseded_by)
    from (
      select change_set_id, count(*) filter (where result = 'CONVERGED') as updated,
        count(*) filter (where result = 'FAILED') as failed, count(*) filter (where result = 'SKIPPED') as skipped,
        (array_agg(superseded_by order by ordinal desc) filter (where superseded_by is not null))[1] as superseded_by
      from s group by 1) t
    where c.id = t.change_set_id`,
  ended: `
    update change_sets c set status = e.status, message = e.message, finished_at = e.time, version = e.version
    from jsonb_to_recordset($1) as e (id uuid, status text, message text, time timestamptz, version int)
    where c.id = e.id`,
};

/** Writes what was collected; the statements go out in order without waiting for each other. */
export const write = async (segment: Segment, sql: Sql): Promise<void> => {
  const rows = { ...segment, steps: [...segment.steps.values()] };
  const kinds = ['sets', 'bots', 'steps', 'released', 'settled', 'ended'] as const;
  await Promise.all(
    kinds.filter((kind) => rows[kind].length > 0).map((kind) => sql(statements[kind], [JSON.stringify(rows[kind])])),
  );
};
