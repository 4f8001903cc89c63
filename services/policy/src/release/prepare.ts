import type { CommandOf, DeniedRelease, JudgeRelease } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { judging } from '../evaluate.ts';
import { gently } from '../gently.ts';
import { packsOf } from '../known-packs.ts';
import { enforcedIn, waiversFor, waiversOf } from '../waivers.ts';

export type PreparedRelease = CommandOf<typeof JudgeRelease> & {
  readonly allowed: readonly string[];
  readonly denied: readonly DeniedRelease[];
};

/** What of a denied release is told: enough to know what to do, and little enough for all bots to fit into one event. */
const violationsShown = 3;
const textMax = 200;

/** Judges exactly what is to be released, by the packs and waivers of this moment. */
export const prepareRelease = async (
  command: CommandOf<typeof JudgeRelease>,
  reads: Reads,
): Promise<Prepared<PreparedRelease>> => {
  const { workspace, time } = command;
  const { fleetId, environment, bots } = command.data;
  const [packs, waivers, enforcedPackIds] = await Promise.all([
    packsOf(workspace, reads),
    waiversOf(workspace, time, reads),
    enforcedIn(fleetId, reads),
  ]);
  const allowed: string[] = [];
  const denied: DeniedRelease[] = [];
  for (const { botId, version, generation, resolved, isRollback = false } of bots) {
    const own = waiversFor(waivers, resolved, { botId, fleetId });
    const context = { environment, point: 'apply', isRollback, enforcedPackIds, waivers: own } as const;
    const { valid, violations } = await gently(judging(packs, resolved, context));
    if (valid) {
      allowed.push(botId);
      continue;
    }
    const shown = violations.slice(0, violationsShown).map(({ packId, ruleId, path, message }) => ({
      packId,
      ruleId,
      path: short(path),
      message: short(message),
    }));
    denied.push({ botId, version, generation, count: violations.length, violations: shown });
  }
  return { command: { ...command, allowed, denied } };
};

const short = (text: string): string => (text.length > textMax ? `${text.slice(0, textMax)}…` : text).toWellFormed();
