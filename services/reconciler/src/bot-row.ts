// A bot as the loop reads it from our own table, at the moment of the work.
import {
  BotError,
  BotStatus,
  DriftItem,
  Endpoint,
  type FleetStatus,
  ResolvedManifest,
  TargetKind,
} from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import type { Desired } from './target.ts';

const BotRow = z.object({
  workspace: z.string(),
  bot_id: z.uuid(),
  fleet_id: z.uuid(),
  bot_name: z.string(),
  environment: z.string(),
  status: BotStatus,
  wanted: z.enum(['RUNNING', 'PAUSED', 'STOPPED']),
  restarts: z.int(),
  generation: z.int(),
  desired_hash: z.string(),
  manifest_version: z.int(),
  observed_generation: z.int(),
  resolved: ResolvedManifest,
  target: TargetKind,
  simulated: z.boolean(),
  endpoint: Endpoint.nullable(),
  node: z.string().nullable(),
  last_error: BotError.nullable(),
  drift: z.array(DriftItem),
  drift_mode: z.enum(['detect', 'heal']).nullable(),
  version: z.int(),
});
export type BotRow = z.infer<typeof BotRow>;

const columns = Object.keys(BotRow.shape).join(', ');

/** A row that cannot be read is its own bot's trouble, never the others'. */
export type ReadRow = { readonly botId: string } & (
  | { readonly is: 'read'; readonly row: BotRow }
  | { readonly is: 'unreadable'; readonly error: Error }
);

const readRow = (row: unknown): ReadRow => {
  const { bot_id: botId } = Id.parse(row);
  const parsed = BotRow.safeParse(row);
  if (parsed.success) return { botId, is: 'read', row: parsed.data };
  return {
    botId,
    is: 'unreadable',
    error: new Error(`The row of bot ${botId} cannot be read.`, { cause: parsed.error }),
  };
};
const Id = z.object({ bot_id: z.uuid() });

/** The rows of these bots; retired ones are not among them. */
export const readBots = async (reads: Reads, botIds: readonly string[]): Promise<readonly ReadRow[]> =>
  (await reads(`select ${columns} from bots where bot_id = any($1::uuid[])`, [botIds])).map(readRow);

/** All bots, page by page. */
export async function* allBots(reads: Reads, pageSize = 500): AsyncGenerator<readonly ReadRow[]> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await reads(`select ${columns} from bots where bot_id > $1::uuid order by bot_id limit $2`, [
      after,
      pageSize,
    ]);
    const rows = page.map(readRow);
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (!last || rows.length < pageSize) return;
    after = last.botId;
  }
}

/** What this bot is to be now: what was released, what people want of it, and what its fleet is doing. */
export const desiredOf = (row: BotRow, fleetStatus: FleetStatus): Desired => ({
  workspace: row.workspace,
  botId: row.bot_id,
  botName: row.bot_name,
  fleetId: row.fleet_id,
  environment: row.environment,
  version: row.manifest_version,
  generation: row.generation,
  hash: row.desired_hash,
  resolved: row.resolved,
  run: row.status === 'DELETING' ? 'DESTROYED' : fleetStatus === 'DRAINING' ? 'STOPPED' : row.wanted,
  restarts: row.restarts,
});

/** Answers rows one by one, but asks the database for all that were wanted at the same time at once. */
export const createBotLoader = (reads: Reads): ((botId: string) => Promise<BotRow | null>) => {
  let waiting: { botId: string; resolve: (row: BotRow | null) => void; reject: (error: unknown) => void }[] = [];
  const load = async () => {
    const batch = waiting;
    waiting = [];
    try {
      const rows = await readBots(reads, [...new Set(batch.map((one) => one.botId))]);
      const byId = new Map(rows.map((row) => [row.botId, row]));
      for (const one of batch) {
        const found = byId.get(one.botId);
        if (found?.is === 'unreadable') one.reject(found.error);
        else one.resolve(found?.row ?? null);
      }
    } catch (error) {
      for (const one of batch) one.reject(error);
    }
  };
  return (botId) =>
    new Promise((resolve, reject) => {
      waiting.push({ botId, resolve, reject });
      if (waiting.length === 1) setImmediate(() => void load());
    });
};
