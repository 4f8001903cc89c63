// Which waivers a verdict on one bot takes into account: those of the workspace whose time is not over, and of this bot.
import type { ResolvedManifest } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import { hasLabels } from './choose.ts';

const Waiver = z.object({
  waiverId: z.uuid(),
  packId: z.string(),
  ruleId: z.string(),
  botId: z.uuid().nullable(),
  fleetId: z.uuid().nullable(),
  selector: z.record(z.string(), z.string()).nullable(),
  owner: z.string(),
  expiresAt: z.date().transform((time) => time.toISOString()),
});
export type Waiver = z.output<typeof Waiver>;

/** Where a bot is, as far as it is known: a draft may be of a bot that does not exist yet. */
export type Whereabouts = {
  readonly botId?: string | undefined;
  readonly fleetId?: string | undefined;
  /** The packs that its fleet enforces. */
  readonly enforcedPackIds?: readonly string[];
};

/** Those whose time is not over at `now`, the one that ends last first; whether the timer has come by is not asked. */
export const waiversOf = async (workspace: string, now: string, reads: Reads): Promise<readonly Waiver[]> =>
  z.array(Waiver).parse(
    await reads(
      `select id as "waiverId", pack_id as "packId", rule_id as "ruleId", bot_id as "botId", fleet_id as "fleetId",
         selector, owner, expires_at as "expiresAt"
       from waivers where workspace = $1 and status = 'ACTIVE' and expires_at > $2 order by expires_at desc, id`,
      [workspace, now],
    ),
  );

/** Those of one bot. */
export const waiversFor = (
  waivers: readonly Waiver[],
  resolved: ResolvedManifest,
  { botId, fleetId }: Whereabouts,
): readonly Waiver[] =>
  waivers.filter((waiver) => {
    if (waiver.botId !== null) return waiver.botId === botId;
    if (waiver.fleetId !== null) return waiver.fleetId === fleetId;
    return waiver.selector !== null && hasLabels(resolved, waiver.selector);
  });

const Known = z.object({ fleetId: z.uuid(), botId: z.uuid().nullable(), enforcedPackIds: z.array(z.string()) });

/** Where a draft's bot would be, by the names that its manifest has. */
export const whereaboutsOf = async (
  { name, fleet }: ResolvedManifest['metadata'],
  workspace: string,
  reads: Reads,
): Promise<Whereabouts> => {
  if (fleet === undefined) return {};
  const [row] = await reads(
    `select f.fleet_id as "fleetId", p.bot_id as "botId", f.enforced as "enforcedPackIds" from fleets f
     left join published p on p.workspace = $1 and p.fleet_id = f.fleet_id and p.name = $3
     where f.workspace = $1 and f.name = $2`,
    [workspace, fleet, name],
  );
  if (!row) return {};
  const { botId, ...known } = Known.parse(row);
  return { ...known, botId: botId ?? undefined };
};

/** The packs that a fleet enforces, as far as its events have come. */
export const enforcedIn = async (fleetId: string, reads: Reads): Promise<readonly string[]> => {
  const [row] = await reads('select enforced from fleets where fleet_id = $1', [fleetId]);
  return row ? z.array(z.string()).parse(row['enforced']) : [];
};
