// Why a bot was not handed its newest version: it never will be as things are, or a person has to hand it over.
import { type Bot, ChangeSetStatus, PlannedBot } from './answers.ts';
import { isEnded, isGoing, whyByHand } from './change-set.ts';
import type { Client } from './client.ts';

export type Unreleased = { readonly outcome: 'failed' | 'manual'; readonly message: string };

const Newest = ChangeSetStatus.pick({ status: true, message: true }).extend({ id: PlannedBot.shape.botInstanceId });

/** Undefined where it may still be handed over by itself. */
export const whyUnreleased = async (client: Client, bot: Bot): Promise<Unreleased | undefined> => {
  const [changeSet] = await client.all(Newest, '/change-sets', { botInstanceId: bot.id }, 1);
  if (changeSet !== undefined) {
    const { id, status, message } = changeSet;
    const [row] = await client.all(PlannedBot, `/change-sets/${id}/plan`, { botInstanceId: bot.id }, 1);
    // One that was planned for an earlier version says nothing of the newest.
    if (row !== undefined && row.after.version >= bot.manifestVersion) {
      if (row.state === 'FAILED') return { outcome: 'failed', message: row.message };
      if (isEnded({ status }) && row.state === 'SKIPPED') {
        const why = message === '' ? '' : `: ${message}`;
        return { outcome: 'failed', message: `was not released: change set ${id} ended as ${status}${why}` };
      }
      return isGoing(status) ? undefined : byHand(client, bot, `molthub rollout start ${id}`);
    }
  }
  return byHand(client, bot, 'start a change set for it');
};

const byHand = async (client: Client, { fleetId }: Bot, advice: string): Promise<Unreleased | undefined> => {
  const why = await whyByHand(client, fleetId);
  return why === undefined ? undefined : { outcome: 'manual', message: unreleased(why, advice) };
};

/** What a person reads of a bot that waits for one. */
export const unreleased = (why: string, advice: string): string => `is not released: ${why}; ${advice}`;
