// What nobody asks for and somebody has to notice: bots that nothing comes of, marked things without a bot, and fleets
// that are held. Each is told and nothing is done to it here.
import {
  ForgetOrphan,
  HoldHealing,
  ResumeHealing,
  type CommandDefinition,
  type CommandOf,
  TellOrphan,
} from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { attemptsBeforeError } from './bot.ts';
import type { BotRow } from './bot-row.ts';
import type { Healing } from './healing.ts';
import { type HeldFleet, readHolds } from './hold/projection.ts';
import { readOrphans } from './orphan/projection.ts';
import type { Report } from './report.ts';
import type { Marked, Targets } from './target.ts';

export type Tell = <D extends CommandDefinition>(
  definition: D,
  data: CommandOf<D>['data'],
  workspace: string,
) => Promise<void>;

/** Makes what was told and what is so here the same: of holds by either side, and of those that are over. */
export const createHoldKeeper = (parts: {
  readonly healing: Healing;
  readonly tell: Tell;
  readonly reads: Reads;
  readonly shareMax: number;
  readonly fleet: (fleetId: string) => { readonly workspace: string; readonly bots: number } | null;
  /** These bots wait to be healed, and now may be. */
  readonly resumed: (botIds: readonly string[]) => void;
}) => {
  const { healing, tell, fleet } = parts;
  let told: ReadonlyMap<string, HeldFleet> = new Map();
  const sync = async (now: number) => {
    const before = told;
    told = await readHolds(parts.reads);
    for (const [fleetId, held] of told) healing.hold(fleetId, held, now);
    for (const fleetId of before.keys()) if (!told.has(fleetId)) parts.resumed(healing.resume(fleetId, now));
  };
  return {
    /** Reads what was told, by whichever process or person. */
    sync,
    tick: async (now: number) => {
      const untold = [...healing.holds()].filter(([fleetId]) => !told.has(fleetId));
      for (const [fleetId, { drifted, bots }] of untold) {
        const workspace = fleet(fleetId)?.workspace;
        const hold = { fleetId, drifted, bots, shareMax: parts.shareMax };
        if (workspace !== undefined) await tell(HoldHealing, hold, workspace);
      }
      const over = healing.over((fleetId) => fleet(fleetId)?.bots ?? 0, now).filter((fleetId) => told.has(fleetId));
      for (const fleetId of over) {
        const reason = 'no more of the fleet drifts than may';
        await tell(ResumeHealing, { fleetId, reason, isOver: true }, told.get(fleetId)?.workspace ?? '');
      }
      if (untold.length + over.length > 0) await sync(now);
    },
  };
};

/** Looks for what has Molthub's mark and no bot. Seen twice before it is told: a bot may be on its way in or out. */
export const createOrphanWatch = (parts: {
  readonly targets: Targets;
  readonly tell: Tell;
  readonly reads: Reads;
  /** Whether a bot accounts for it, by what the log says. */
  readonly isKnown: (botId: string) => boolean;
}) => {
  const { targets, tell, reads, isKnown } = parts;
  let seen: ReadonlySet<string> = new Set();
  return async (): Promise<readonly Marked[]> => {
    const found = new Map<string, Marked & { readonly node: string | null; readonly target: string }>();
    for (const target of targets.values()) {
      for (const one of await target.marked()) {
        if (!isKnown(one.botId)) found.set(one.botId, { ...one, node: target.node, target: target.kind });
      }
    }
    const confirmed = [...found.values()].filter(({ botId }) => seen.has(botId));
    seen = new Set(found.keys());
    for (const { botId, workspace, target, node, pid, detail } of confirmed) {
      await tell(
        TellOrphan,
        { botId, target: TellOrphan.data.shape.target.parse(target), node, pid, detail },
        workspace,
      );
    }
    for (const told of await readOrphans(reads)) {
      // Of another machine's nobody here can tell whether they are gone.
      const isOurs = (targets.get(told.target)?.node ?? null) === told.node;
      if (isOurs && !found.has(told.bot_id)) await tell(ForgetOrphan, { botId: told.bot_id }, told.workspace);
    }
    return confirmed;
  };
};

/** What the stuck have in common; a bot whose retries are told is not among them. */
const stuckCode = 'reconciler.stuck';

/** Bots that something is to come of and of which nothing was heard for this long, unless that was said already. */
export const readSilent = async (reads: Reads, limitMs: number): Promise<readonly string[]> => {
  const rows = await reads<{ bot_id: string }>(
    `select bot_id from bots
     where status in ('PENDING', 'RECONCILING', 'DELETING') and updated_at < now() - $1 * interval '1 millisecond'
       and (last_error->>'code') is distinct from $2
     order by updated_at`,
    [limitMs, stuckCode],
  );
  return rows.map((row) => row.bot_id);
};

/** It counts as broken, so that whoever waits for it hears of it; the loop still tries on. */
export const stuckReport = (
  row: BotRow,
  limitMs: number,
  underway: { readonly name: string; readonly since: string } | null,
): Report => {
  const at = underway ? `the step ${underway.name} has been under way since ${underway.since}` : 'no step is under way';
  const message = `The bot has been ${row.status} and nothing was heard of it for ${limitMs / 1_000} s: ${at}.`;
  const error = { code: stuckCode, message, permanent: false };
  return { kind: 'failed', generation: row.generation, error, attempt: attemptsBeforeError, steps: [] };
};
