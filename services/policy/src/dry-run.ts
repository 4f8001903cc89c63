// One pack on every bot of a workspace: who would break, counted whole and listed as far as an answer may be long.
import { DryRun, Manifest } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import { inFleet, targets } from './choose.ts';
import { judgingBy } from './evaluate.ts';
import { gently } from './gently.ts';
import type { CompiledPack } from './pack.ts';
import { type Waiver, waiversFor, waiversOf } from './waivers.ts';

const botsAtOnce = 200;
export const itemsMax = 100;
const shownPerBot = 3;
/** An answer over the bus has at most 512 KiB. */
const itemsBytesMax = 256 * 1024;

/** Its environment is the fleet's; the manifest is what was published, after secure defaults. */
const Row = z.object({
  botId: z.uuid(),
  name: z.string(),
  fleetId: z.uuid(),
  environment: z.enum(['dev', 'staging', 'prod']),
  version: z.int(),
  enforcedPackIds: z.array(z.string()),
  resolved: z.custom<Manifest>((value) => typeof value === 'object' && value !== null),
});
type Row = z.infer<typeof Row>;
type Item = DryRun['items'][number];

export const dryRun = async (
  compiled: CompiledPack,
  asked: { readonly workspace: string; readonly now: string },
  reads: Reads,
): Promise<DryRun> => {
  const { pack } = compiled;
  const { workspace } = asked;
  const waivers = await waiversOf(workspace, asked.now, reads);
  const counts = { bots: 0, targeted: 0, denied: 0, warned: 0 };
  let worst: readonly Item[] = [];
  for (let rows = await page(reads, workspace); rows.length > 0; rows = await page(reads, workspace, rows.at(-1))) {
    const items: Item[] = [];
    for (const row of rows) {
      counts.bots += 1;
      const context = contextOf(row);
      if (!targets(inFleet(compiled, context).pack, row.resolved, context)) continue;
      counts.targeted += 1;
      const item = await itemOf(compiled, row, waiversFor(waivers, row.resolved, row));
      if (item.counts.violations > 0) counts.denied += 1;
      else if (item.counts.warnings > 0) counts.warned += 1;
      else continue;
      items.push(item);
    }
    worst = [...worst, ...items].toSorted(byHarm).slice(0, itemsMax);
  }
  const items = fitting(worst);
  return {
    packId: pack.id,
    packVersion: pack.version,
    counts,
    items,
    isComplete: items.length === counts.denied + counts.warned,
  };
};

const fitting = (items: readonly Item[]): Item[] => {
  let bytes = 0;
  return items.filter((item) => {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
    return bytes <= itemsBytesMax;
  });
};

const page = async (reads: Reads, workspace: string, after?: Row): Promise<readonly Row[]> =>
  z.array(Row).parse(
    await reads(
      `select p.bot_id as "botId", p.name, p.fleet_id as "fleetId", p.environment, p.version, p.resolved,
         coalesce(f.enforced, '[]') as "enforcedPackIds"
       from published p left join fleets f on f.fleet_id = p.fleet_id
       where p.workspace = $1 and p.bot_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
       order by p.bot_id limit ${botsAtOnce}`,
      [workspace, after?.botId ?? null],
    ),
  );

const contextOf = ({ environment, enforcedPackIds }: Row) => ({ environment, enforcedPackIds, point: 'plan' }) as const;

const itemOf = async (compiled: CompiledPack, row: Row, waivers: readonly Waiver[]): Promise<Item> => {
  const context = { ...contextOf(row), waivers };
  const { violations, warnings } = await gently(judgingBy(compiled, row.resolved, context));
  return {
    botInstanceId: row.botId,
    name: row.name,
    fleetId: row.fleetId,
    environment: row.environment,
    manifestVersion: row.version,
    counts: { violations: violations.length, warnings: warnings.length },
    violations: violations.slice(0, shownPerBot),
    warnings: warnings.slice(0, shownPerBot),
  };
};

const byHarm = (a: Item, b: Item): number =>
  b.counts.violations - a.counts.violations ||
  b.counts.warnings - a.counts.warnings ||
  (a.name < b.name ? -1 : Number(a.name > b.name));
