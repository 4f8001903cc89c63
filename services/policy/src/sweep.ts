// Keeps violations current without a proposal: after a pack or a waiver changed each bot of the workspace is judged anew,
// after a publication or a refusal the bot that it is of. Level-based: what is to be looked at is rows, so a restart loses
// nothing.
import { setTimeout as pause } from 'node:timers/promises';
import { Manifest, type Outcome, RecordFindings, type Violation } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { builtinRevision } from './builtin-packs.ts';
import { judging } from './evaluate.ts';
import { gently } from './gently.ts';
import { packsOf } from './known-packs.ts';
import type { CompiledPack } from './pack.ts';
import { differenceOf, Present } from './violation/difference.ts';
import { type Waiver, waiversFor, waiversOf } from './waivers.ts';

/** Bots that one look judges; between two looks others have the connection and the event loop. */
const botsAtOnce = 100;
const lookEveryMs = 1_000;

/** One leader looks; `everyMs` is how soon a change is seen at the latest. */
export const sweep = (everyMs: number = lookEveryMs): Job => ({
  name: 'sweep',
  single: true,
  run: async (runtime, signal) => {
    while (!signal.aborted) {
      await markChanged(runtime);
      const looked = await sweepPage(runtime);
      if (looked < botsAtOnce) await pause(everyMs, undefined, { signal });
    }
  },
});

/** What the verdicts of a workspace rest on. The time of a pack is a part: a restored database may have another content. */
const changedMarks = `select w.workspace, n.mark from sweep_marks w cross join lateral (select md5(concat($1::text,
    (select string_agg(p.id || '/' || p.version || '/' || p.updated_at, ',' order by p.id)
     from packs p where p.workspace = w.workspace), '|',
    (select string_agg(v.id::text, ',' order by v.id)
     from waivers v where v.workspace = w.workspace and v.status = 'ACTIVE'), '|',
    (select string_agg(concat(f.fleet_id, f.enforced), ',' order by f.fleet_id)
     from fleets f where f.workspace = w.workspace and f.enforced <> '[]'))) as mark) n where w.mark <> n.mark`;

const Mark = z.object({ workspace: z.string(), mark: z.string() });

/** Every bot of a workspace is to be looked at where its packs or waivers are others than the last time. */
const markChanged = async (runtime: Runtime): Promise<void> => {
  const changed = z.array(Mark).parse(await runtime.reads(changedMarks, [String(builtinRevision)]));
  if (changed.length === 0) return;
  await runtime.write(async (sql) => {
    const columns = [changed.map(({ workspace }) => workspace), changed.map(({ mark }) => mark)];
    await sql(
      `update sweep_marks w set mark = c.mark from unnest($1::text[], $2::text[]) as c (workspace, mark)
       where w.workspace = c.workspace`,
      columns,
    );
    await sql(
      `insert into to_sweep (workspace, bot_id) select workspace, bot_id from published where workspace = any($1::text[])
       on conflict (bot_id) do update set asked = clock_timestamp()`,
      columns.slice(0, 1),
    );
  });
};

const Row = z.object({
  botId: z.uuid(),
  asked: z.string(),
  workspace: z.string().nullable(),
  fleetId: z.uuid().nullable(),
  environment: z.enum(['dev', 'staging', 'prod']).nullable(),
  version: z.int().nullable(),
  enforcedPackIds: z.array(z.string()),
  resolved: z.custom<Manifest>((value) => value === null || typeof value === 'object'),
});
type Row = z.infer<typeof Row>;

/** Workspaces take turns, so that one bot of a workspace never waits for all those of another. */
const nextPage = `
  select t.bot_id as "botId", t.asked::text as asked, p.workspace, p.fleet_id as "fleetId", p.environment, p.version,
    p.resolved, coalesce(f.enforced, '[]') as "enforcedPackIds"
  from (
    select n.* from (select distinct workspace from to_sweep) w cross join lateral (
      select bot_id, asked, row_number() over (order by asked, bot_id) as turn from to_sweep
      where workspace = w.workspace and asked <= clock_timestamp() order by asked, bot_id limit $1) n
    order by n.turn, random() limit $1) t
  left join published p using (bot_id) left join fleets f on f.fleet_id = p.fleet_id
  order by t.turn, t.asked, t.bot_id`;

/** Looks at the bots that wait, some of them; answers at how many. */
const sweepPage = async (runtime: Runtime): Promise<number> => {
  const rows = z.array(Row).parse(await runtime.reads(nextPage, [botsAtOnce]));
  if (rows.length === 0) return 0;
  const ids = rows.map(({ botId }) => botId);
  const present = await presentOf(ids, runtime.reads);
  const rulesOf = rulesByWorkspace(runtime.reads);
  const judged: Row[] = [];
  for (const row of rows) {
    if (await isSwept(runtime, row, present.get(row.botId) ?? [], rulesOf)) judged.push(row);
  }
  await takeOff(runtime, rows, judged);
  return rows.length;
};

/** One that was asked for again meanwhile is looked at again; one that could not be judged is put off, behind all others. */
const takeOff = (runtime: Runtime, rows: readonly Row[], judged: readonly Row[]): Promise<unknown> =>
  runtime.write(async (sql) => {
    await sql(
      `delete from to_sweep t using unnest($1::uuid[], $2::text[]) as j (bot_id, asked)
       where t.bot_id = j.bot_id and t.asked::text = j.asked`,
      [judged.map(({ botId }) => botId), judged.map(({ asked }) => asked)],
    );
    const left = rows.filter((row) => !judged.includes(row)).map(({ botId }) => botId);
    if (left.length === 0) return;
    await sql(`update to_sweep set asked = clock_timestamp() + interval '1 second' where bot_id = any($1::uuid[])`, [
      left,
    ]);
  });

type Rules = { readonly packs: readonly CompiledPack[]; readonly waivers: readonly Waiver[] };
type RulesOf = (workspace: string) => Promise<Rules>;

/** What the bots of a page are judged by, read once for each workspace. */
const rulesByWorkspace = (reads: Reads): RulesOf => {
  const known = new Map<string, Rules>();
  return async (workspace) => {
    const kept = known.get(workspace);
    if (kept) return kept;
    const [packs, waivers] = await Promise.all([
      packsOf(workspace, reads),
      waiversOf(workspace, new Date().toISOString(), reads),
    ]);
    known.set(workspace, { packs, waivers });
    return { packs, waivers };
  };
};

const isSwept = async (runtime: Runtime, row: Row, present: readonly Present[], rulesOf: RulesOf): Promise<boolean> => {
  const { botId } = row;
  try {
    const outcome = await sweepBot(runtime, row, present, rulesOf);
    if (outcome === null || outcome.status === 'DONE') return true;
    runtime.logger.warn({ botId, outcome }, 'Findings of a sweep were not recorded; the bot is looked at again.');
  } catch (error) {
    runtime.logger.error({ botId, err: error }, 'A bot could not be swept; it is looked at again.');
  }
  return false;
};

/** What became of recording what changed; null where nothing did. */
const sweepBot = async (
  runtime: Runtime,
  row: Row,
  present: readonly Present[],
  rulesOf: RulesOf,
): Promise<Outcome | null> => {
  const { workspace, fleetId, environment, version, resolved, botId, enforcedPackIds } = row;
  // It is gone; what it violated goes with it.
  if (workspace === null || fleetId === null || environment === null || version === null) return null;
  const { packs, waivers } = await rulesOf(workspace);
  const context = {
    environment,
    point: 'background',
    enforcedPackIds,
    waivers: waiversFor(waivers, resolved, { botId, fleetId }),
  } as const;
  const verdict = await gently(judging(packs, resolved, context));
  const found: readonly Violation[] = [...verdict.violations, ...verdict.warnings];
  const { opened, resolved: gone } = differenceOf(present, found);
  if (opened.length === 0 && gone.length === 0) return null;
  return runtime.execute(
    RecordFindings,
    { botId, fleetId, environment, version, opened: [...opened], resolved: [...gone] },
    { workspace },
  );
};

const WithBot = Present.extend({ botId: z.uuid() });

const presentOf = async (botIds: readonly string[], reads: Reads): Promise<ReadonlyMap<string, readonly Present[]>> => {
  const rows = z.array(WithBot).parse(
    await reads(
      `select bot_id as "botId", key, pack_id as "packId", rule_id as "ruleId", path from violations
       where bot_id = any($1::uuid[]) order by bot_id, ordinal`,
      [[...botIds]],
    ),
  );
  return Map.groupBy(rows, ({ botId }) => botId);
};
