// Answers that need the bots themselves.
import { ReadBotLogs } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { answer, type Query } from '@molthub/service';
import { desiredOf, readBots } from './bot-row.ts';
import { type Targets, targetOf } from './target.ts';

export const queriesOf = (targets: () => Targets | null): readonly Query[] => [
  answer(ReadBotLogs, async ({ data, workspace }, runtime) => {
    const [found] = await readBots(runtime.reads, [data.botId]);
    if (found?.is === 'unreadable') throw found.error;
    const row = found?.row;
    if (!row || row.workspace !== workspace) {
      throw new Rejected('reconciler.bot-unknown', 'No bot with this id was ever released.');
    }
    const open = targets();
    const target = open ? targetOf(open, row.target) : null;
    if (!target || (target.node !== null && row.node !== null && row.node !== target.node)) {
      throw new Rejected('reconciler.not-here', 'The bot is looked after by another process; ask again in a moment.');
    }
    return { lines: await target.logs(desiredOf(row, 'ACTIVE'), data.lines), simulated: row.simulated };
  }),
];
