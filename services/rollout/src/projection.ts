// Change sets and their bots, with what the `advance` job needs to see at a glance.
import {
  BotReleased,
  BotRollbackRequested,
  BotSettled,
  ChangeSetAborted,
  ChangeSetFinished,
  ChangeSetRefused,
  ChangeSetRolledBack,
  ChangeSetSuperseded,
  ReleaseAsked,
  ReleaseCleared,
  RollbackStarted,
} from '@molthub/contracts';
import { type Projection, projection, type Sql, when } from '@molthub/event-store';
import { courseHandlers, courseTables, courseViews } from './course/projection.ts';
import { addTo, emptySegment, hotTypes, isHot, write } from './segment.ts';

/**
 * `version`, `generation` of a part: what it was last released to, or will be. `open` parts still wait for their end in
 * the direction under way; `rollback` is null until the part is asked to go back. While policy has not answered
 * whether it may be released, `asked_at` is when it was asked last and `asks` how often; `judged_at` when it said yes, by
 * its own clock, and `cleared_at` when that was heard. `staged` change sets are judged wave by wave.
 */
const tables = `
  create table change_sets (
    workspace text not null, id uuid primary key, name text not null, status text not null, origin text not null,
    fleet_id uuid not null, fleet_name text not null, strategy jsonb not null, plan_hash text not null,
    total int not null, updated int not null default 0, failed int not null default 0, skipped int not null default 0,
    to_restore int not null default 0, restored int not null default 0, restore_failed int not null default 0,
    restore_skipped int not null default 0, refused int not null default 0,
    refused_bots jsonb not null default '[]', waves int not null, current_wave int, superseded_by uuid,
    reason text not null, message text not null default '', author jsonb not null, version int not null,
    staged boolean not null default false, lineage_id uuid, notes jsonb not null default '[]',
    created_at timestamptz not null, started_at timestamptz, finished_at timestamptz, going_back_at timestamptz
  );
  create index on change_sets (workspace, created_at, id);
  create index on change_sets (id) where status in ('PLANNED', 'RUNNING', 'ROLLING_BACK');
  create index on change_sets (id) where finished_at is null;
  create index on change_sets (workspace, finished_at);
  create table change_set_bots (
    workspace text not null, change_set_id uuid not null, bot_id uuid not null, bot_name text not null,
    wave int not null, state text not null default 'PLANNED', rollback text, released boolean not null default false,
    open boolean not null default true, version int not null, generation int not null,
    before jsonb, after jsonb not null, message text not null default '', updated_at timestamptz not null,
    asked_at timestamptz, asks int not null default 0, judged_at timestamptz, cleared_at timestamptz,
    primary key (change_set_id, bot_id)
  );
  create index on change_set_bots (bot_id, version);
  create index on change_set_bots (bot_id) where open;
  ${courseTables}
`;

const views = {
  change_sets: `select workspace, id, name, status, origin, fleet_id, fleet_name, strategy, plan_hash, total, updated,
    failed, skipped, current_wave, waves, refused, refused_bots, notes, reason, message, author, version, created_at,
    started_at, finished_at from change_sets`,
  change_set_bots: `select workspace, change_set_id, bot_id, bot_name, wave,
    case when rollback in ('RESTORED', 'FAILED') then rollback when rollback = 'RELEASED' then 'RELEASED' else state end
      as state, before, after, case when open and state = 'PLANNED' and asked_at is not null
      then 'Waits for policy, which was asked at ' || to_char(asked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z".')
      else message end as message, updated_at from change_set_bots`,
  ...courseViews,
};

/** A change set leaves its bots that were never started as they are. */
const leaveUntouched = (sql: Sql, changeSetId: string, time: string, message: string) =>
  sql(
    `with untouched as (
       update change_set_bots set state = 'SKIPPED', open = false, message = $3, updated_at = $2
       where change_set_id = $1 and state = 'PLANNED' returning 1)
     update change_sets set skipped = skipped + (select count(*) from untouched) where id = $1`,
    [changeSetId, time, message],
  );

const end = (sql: Sql, changeSetId: string, status: string, message: string, time: string, version: number) =>
  sql('update change_sets set status = $2, message = $3, finished_at = $4, version = $5 where id = $1', [
    changeSetId,
    status,
    message,
    time,
    version,
  ]);

const endEarly = (
  sql: Sql,
  {
    changeSetId,
    status,
    message,
    time,
    version,
  }: Readonly<Record<'changeSetId' | 'status' | 'message' | 'time', string>> & {
    readonly version: number;
  },
) =>
  Promise.all([
    end(sql, changeSetId, status, message, time, version),
    leaveUntouched(sql, changeSetId, time, 'Left as it was: the change set ended before its turn.'),
  ]);

/** The way back and the early ends: rare, so one statement each. */
const cold = projection({
  name: 'change-sets',
  revision: 7,
  tables,
  views,
  handlers: [
    when(BotReleased, ({ data, time }, sql) =>
      sql(
        `update change_set_bots set rollback = 'RELEASED', open = true, version = $3, generation = $4, updated_at = $5
         where change_set_id = $1 and bot_id = $2`,
        [data.changeSetId, data.botId, data.version, data.generation, time],
      ),
    ),
    when(BotSettled, ({ data, time }, sql) =>
      sql(
        `with part as (
           update change_set_bots set rollback = case $3 when 'CONVERGED' then 'RESTORED' else $3 end, open = false,
             message = $4, updated_at = $5
           where change_set_id = $1 and bot_id = $2)
         update change_sets set restored = restored + ($3 = 'CONVERGED')::int,
           restore_failed = restore_failed + ($3 = 'FAILED')::int,
           restore_skipped = restore_skipped + ($3 = 'SKIPPED')::int where id = $1`,
        [data.changeSetId, data.botId, data.result, data.message, time],
      ),
    ),
    when(ReleaseAsked, ({ data, time }, sql) =>
      sql(
        `update change_set_bots set asked_at = $3, asks = asks + 1
         where change_set_id = $1 and bot_id = any($2::uuid[])`,
        [data.changeSetId, data.bots.map(({ botId }) => botId), time],
      ),
    ),
    when(ReleaseCleared, ({ data, time }, sql) =>
      sql(
        `update change_set_bots set asked_at = null, asks = 0, judged_at = $3, cleared_at = $4
         where change_set_id = $1 and bot_id = any($2::uuid[])`,
        [data.changeSetId, data.botIds, data.judgedAt, time],
      ),
    ),
    when(BotRollbackRequested, ({ data, time }, sql) =>
      sql(
        `update change_set_bots set rollback = 'REQUESTED', open = false, message = $3, updated_at = $4
         where change_set_id = $1 and bot_id = $2`,
        [data.changeSetId, data.botId, `Going back to version ${data.toVersion}.`, time],
      ),
    ),
    when(ChangeSetRefused, ({ workspace, data, time, version }, sql) =>
      sql(
        `insert into change_sets (workspace, id, name, status, origin, fleet_id, fleet_name, strategy, plan_hash, total,
           waves, refused, refused_bots, reason, message, author, version, created_at, finished_at)
         values ($1, $2, $3, 'FAILED', 'release', $4, $5, $6, $7, 0, 0, $8, $9, $10, $11, $12, $13, $14, $14)`,
        [
          workspace,
          data.changeSetId,
          data.name,
          data.fleetId,
          data.fleetName,
          JSON.stringify(data.strategy),
          data.planHash,
          data.refused,
          JSON.stringify(data.refusedBots),
          data.reason,
          data.message,
          JSON.stringify(data.author),
          version,
          time,
        ],
      ),
    ),
    ...courseHandlers(endEarly),
    when(ChangeSetFinished, ({ data: { changeSetId, status, message }, time, version }, sql) =>
      endEarly(sql, { changeSetId, status, message, time, version }),
    ),
    when(ChangeSetSuperseded, ({ data: { changeSetId, byChangeSetId }, time, version }, sql) => {
      const message = `Superseded by change set ${byChangeSetId}.`;
      return endEarly(sql, { changeSetId, status: 'SUPERSEDED', message, time, version });
    }),
    when(ChangeSetAborted, async ({ data, time, version }, sql) => {
      await Promise.all([
        end(sql, data.changeSetId, 'ABORTED', data.reason, time, version),
        leaveUntouched(sql, data.changeSetId, time, 'Aborted before it was released.'),
      ]);
    }),
    when(RollbackStarted, async ({ data, time, version }, sql) => {
      await Promise.all([
        sql(
          // Counted here and not taken from the event: a bot may have been released while the command was prepared.
          `update change_sets set status = 'ROLLING_BACK', message = $2, finished_at = null, version = $3, going_back_at = $4,
             to_restore = (select count(*) from change_set_bots where change_set_id = $1 and released)
           where id = $1`,
          [data.changeSetId, data.reason, version, time],
        ),
        leaveUntouched(sql, data.changeSetId, time, 'Rolled back before it was released.'),
      ]);
    }),
    when(ChangeSetRolledBack, ({ data, time, version }, sql) =>
      end(sql, data.changeSetId, 'ROLLED_BACK', data.message, time, version),
    ),
  ],
});

/** Hot facts are gathered up to the next cold one, so that each change set's facts still take effect in their order. */
export const changeSets: Projection = {
  ...cold,
  types: new Set([...cold.types, ...hotTypes]),
  apply: async (events, sql) => {
    const written: Promise<void>[] = [];
    let segment = emptySegment();
    for (const event of events) {
      if (isHot(event)) {
        addTo(segment, event);
        continue;
      }
      written.push(write(segment, sql), cold.apply([event], sql));
      segment = emptySegment();
    }
    written.push(write(segment, sql));
    await Promise.all(written);
  },
};
