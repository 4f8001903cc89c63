import { type AskRelease, type CommandOf, Environment, Hash, ResolvedManifest } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { isUnanswered } from '@molthub/service';
import { z } from 'zod';
import type { ClearanceCommand, Waiting } from './decider.ts';

/** A question carries whole manifests, and an event is at most 512 KiB; the bots that do not fit are asked about next. */
export const askBytesMax = 384 * 1024;

/** An answer that does not hold when it is heard is asked for again only then, or two clocks that differ never cease. */
const askAgainAfterS = 5;

/** SQL: whether policy may be asked about the part `p` at the time `now`: nobody did, or no answer came for long. */
export const isAskable = (now: string): string =>
  `(case when p.asked_at is null
      then coalesce(p.cleared_at <= ${now}::timestamptz - interval '${askAgainAfterS} seconds', true)
      else ${isUnanswered({ askedAt: 'p.asked_at', asks: 'p.asks', now })} end)`;

const Row = z.object({
  fleetId: z.uuid(),
  environment: Environment,
  botId: z.uuid(),
  version: z.int(),
  generation: z.int(),
  hash: Hash,
  resolved: ResolvedManifest,
  isRollback: z.boolean(),
});

export const prepareAsk = async (command: CommandOf<typeof AskRelease>, reads: Reads): Promise<ClearanceCommand> => {
  const { changeSetId, botIds } = command.data;
  const rows = z.array(Row).parse(
    await reads(
      `select b.fleet_id as "fleetId", f.environment, p.bot_id as "botId", p.version, p.generation, v.hash, v.resolved,
         v.is_rollback as "isRollback"
       from change_set_bots p join bots b on b.id = p.bot_id join fleets f on f.id = b.fleet_id
       join published v on v.bot_id = p.bot_id and v.version = p.version
       where p.change_set_id = $1 and p.bot_id = any($2::uuid[]) and p.open and p.state = 'PLANNED' and ${isAskable('$3')}
       order by p.bot_id`,
      [changeSetId, [...botIds], command.time],
    ),
  );
  return { ...command, waiting: fitting(rows) };
};

/** Those of the first one's fleet, up to the bytes that fit; the first always does. */
const fitting = (rows: readonly z.infer<typeof Row>[]): Waiting | null => {
  const [first] = rows;
  if (!first) return null;
  const { fleetId, environment } = first;
  const bots: Waiting['bots'] = [];
  let bytes = 0;
  for (const { fleetId: its, environment: _, ...bot } of rows) {
    if (its !== fleetId) continue;
    bytes += Buffer.byteLength(JSON.stringify(bot));
    if (bots.length > 0 && bytes > askBytesMax) break;
    bots.push(bot);
  }
  return { fleetId, environment, bots };
};
