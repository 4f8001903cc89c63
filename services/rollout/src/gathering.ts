// Bots that a changed layer moves: told by config, then published or refused one by one. When all of a change set are, it
// is planned; where some are not for long, without them. What comes first does not matter: each event writes its own part.
import {
  Actor,
  Environment,
  type EventDefinition,
  type FactOf,
  FleetStatus,
  Hash,
  ManifestPublished,
  ManifestRefused,
  type PlannedBot,
  type Recorded,
  Release,
  ResolutionChanged,
  VersionReference,
} from '@molthub/contracts';
import type { Migration, Reads, Sql } from '@molthub/event-store';
import { z } from 'zod';
import { lastConverged } from './last-converged.ts';
import { labelsSql } from './queries.ts';

export const gatheringMigration: Migration = {
  name: '0002_gathering',
  sql: `
    create table gathered (
      workspace text not null, change_set_id uuid primary key, name text not null, reason text not null,
      fleet_id uuid not null, fleet_name text not null, environment text not null, release jsonb not null,
      author jsonb not null, chunks int not null, chunks_told int not null
    );
    create table gathered_bots (
      workspace text not null, change_set_id uuid not null, bot_id uuid not null, bot_name text, version int,
      generation int, hash text, code text, message text, primary key (change_set_id, bot_id)
    );
  `,
};

/** `heard_at`: when something was last heard of it. `planned` ones are over: what is heard of them later is let go. */
export const gatheringLimitMigration: Migration = {
  name: '0003_gathering_limit',
  sql: `
    alter table gathered add column heard_at timestamptz not null default now(),
      add column planned boolean not null default false;
    create index on gathered (change_set_id) where not planned;
  `,
};

/** How long a change set waits for its next answer before it is planned without those that are missing. */
const answersWithinMinutes = 10;

export const gatheringTypes: readonly string[] = [ResolutionChanged.type, ManifestRefused.type];

/** Whether an event has to do with the change set of a layer. */
export const isGathering = (event: Recorded): boolean =>
  event.type === ResolutionChanged.type || (isObject(event.data) && event.data['layersChangeSetId'] !== undefined);
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

export const only = <E extends EventDefinition>(
  events: readonly Recorded[],
  definition: E,
): readonly Recorded<FactOf<E>>[] =>
  events.filter((event): event is Recorded<FactOf<E>> => event.type === definition.type);

/** Sends its statements at once: the server runs them in order. */
export const applyGathering = (all: readonly Recorded[], sql: Sql): readonly Promise<unknown>[] => {
  const events = all.filter(isGathering);
  const changes = only(events, ResolutionChanged);
  const told = [
    ...(changes.length > 0 ? [forgetPlanned(sql)] : []),
    ...changes.flatMap((event) => tellBots(event, sql)),
  ];
  const answers = [
    ...only(events, ManifestPublished).map(({ workspace, data }) => ({
      workspace,
      change_set_id: data.layersChangeSetId,
      bot_id: data.botId,
      version: data.version,
      generation: data.generation,
      hash: data.hash,
    })),
    ...only(events, ManifestRefused).map(({ workspace, data }) => ({
      workspace,
      change_set_id: data.layersChangeSetId,
      bot_id: data.botId,
      code: data.code,
      message: data.message,
    })),
  ];
  if (answers.length === 0) return told;
  const heard = sql('update gathered set heard_at = now() where change_set_id = any($1::uuid[]) and not planned', [
    [...new Set(answers.map((answer) => answer.change_set_id))],
  ]);
  const answered = sql(
    `insert into gathered_bots (workspace, change_set_id, bot_id, version, generation, hash, code, message)
     select * from jsonb_to_recordset($1) as b (workspace text, change_set_id uuid, bot_id uuid, version int,
       generation int, hash text, code text, message text)
     where ${isOpen}
     on conflict (change_set_id, bot_id) do update set version = excluded.version, generation = excluded.generation,
       hash = excluded.hash, code = excluded.code, message = excluded.message`,
    [JSON.stringify(answers)],
  );
  return [...told, heard, answered];
};

const isOpen = 'not exists (select from gathered g where g.change_set_id = b.change_set_id and g.planned)';

/** What was gathered is of no use once its change set is planned; looked at whenever a layer changes. */
const forgetPlanned = (sql: Sql): Promise<unknown> =>
  sql(
    `with over as (
       update gathered g set planned = true from change_sets c where c.id = g.change_set_id and not g.planned
       returning g.change_set_id)
     delete from gathered_bots b using over where b.change_set_id = over.change_set_id`,
  );

const tellBots = (
  { workspace, data }: Recorded<FactOf<typeof ResolutionChanged>>,
  sql: Sql,
): readonly Promise<unknown>[] => {
  const { layer, release, author } = data;
  return [
    sql(
      `insert into gathered values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)
       on conflict (change_set_id) do update set chunks_told = gathered.chunks_told + 1, heard_at = now()`,
      [
        workspace,
        data.changeSetId,
        `${layer.kind} ${layer.name} version ${layer.version}`,
        data.reason,
        data.fleetId,
        data.fleetName,
        data.environment,
        JSON.stringify(release),
        JSON.stringify(author),
        data.chunks,
      ],
    ),
    sql(
      `insert into gathered_bots (workspace, change_set_id, bot_id, bot_name)
       select $1, b.change_set_id, b.bot_id, b.bot_name
       from (select $2::uuid as change_set_id, bot_id, bot_name
         from jsonb_to_recordset($3) as told (bot_id uuid, bot_name text)) b
       where ${isOpen}
       on conflict (change_set_id, bot_id) do update set bot_name = excluded.bot_name`,
      [
        workspace,
        data.changeSetId,
        JSON.stringify(data.bots.map(({ botId, botName }) => ({ bot_id: botId, bot_name: botName }))),
      ],
    ),
  ];
};

/** SQL: the change sets of layers that are not planned yet, and have all their answers or waited long enough for them. */
export const gatheredSql = `
  select g.workspace, g.change_set_id as "changeSetId" from gathered g
  left join change_sets c on c.id = g.change_set_id
  where not g.planned and c.id is null and (
    g.heard_at <= now() - interval '${answersWithinMinutes} minutes' or g.chunks_told = g.chunks and not exists (
      select from gathered_bots b where b.change_set_id = g.change_set_id and b.version is null and b.code is null))`;

const Row = z.object({
  name: z.string(),
  reason: z.string(),
  fleetId: z.uuid(),
  fleetName: z.string(),
  fleetStatus: FleetStatus,
  environment: Environment,
  release: Release,
  author: Actor,
});
const BotRow = z.object({
  botId: z.uuid(),
  botName: z.string(),
  labels: z.record(z.string(), z.string()),
  before: VersionReference.nullable(),
  held: z.string().nullable(),
  version: z.int().nullable(),
  generation: z.int().nullable(),
  hash: Hash.nullable(),
  code: z.string().nullable(),
  message: z.string().nullable(),
});

const noAnswer = {
  code: 'rollout.no-answer',
  message: `Neither published nor refused ${answersWithinMinutes} minutes after the last answer; look for parked events, then release its newest version with a change set of its own.`,
};

/** Everything about a change set of a layer: its bots that were published, and those that were not. */
export type Gathering = z.infer<typeof Row> & {
  readonly bots: readonly (Omit<PlannedBot, 'wave'> & { readonly labels: Readonly<Record<string, string>> })[];
  readonly refused: readonly { botId: string; botName: string; code: string; message: string }[];
};

/** Throws where it is not known: it is asked for only when it is. */
export const gatheringOf = async (changeSetId: string, reads: Reads): Promise<Gathering> => {
  const [rows, bots] = await Promise.all([
    reads(
      `select g.name, g.reason, g.fleet_id as "fleetId", g.fleet_name as "fleetName", g.environment, g.release, g.author,
         coalesce(f.status, 'DRAINING') as "fleetStatus"
       from gathered g left join fleets f on f.id = g.fleet_id where g.change_set_id = $1`,
      [changeSetId],
    ),
    reads(
      `select g.bot_id as "botId", coalesce(g.bot_name, b.name, g.bot_id::text) as "botName", g.version, g.generation, g.hash, g.code, g.message,
         ${labelsSql('v.resolved')} as labels,
         (select h.reason from holds h where h.bot_id = g.bot_id order by h.kind desc limit 1) as held,
         case when c.version is not null
           then json_build_object('version', c.version, 'generation', c.generation, 'hash', c.hash) end as before
       from gathered_bots g left join bots b on b.id = g.bot_id
       left join published v on v.bot_id = g.bot_id and v.version = g.version left join lateral (${lastConverged('g.bot_id')}) c on true
       where g.change_set_id = $1 order by "botName", g.bot_id`,
      [changeSetId],
    ),
  ]);
  const known = z.array(BotRow).parse(bots);
  return {
    ...Row.parse(rows[0]),
    bots: known.flatMap(({ botId, botName, labels, before, held, version, generation, hash }) =>
      version === null || generation === null || hash === null || held !== null
        ? []
        : [{ botId, botName, labels, before, after: { version, generation, hash } }],
    ),
    refused: known.flatMap(({ botId, botName, held, version, code, message }) => {
      if (code !== null) return [{ botId, botName, code, message: message ?? '' }];
      if (held !== null)
        return [{ botId, botName, code: 'rollout.held', message: `It stays at what it runs: ${held}` }];
      return version === null ? [{ botId, botName, ...noAnswer }] : [];
    }),
  };
};
