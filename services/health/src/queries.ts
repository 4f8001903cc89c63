// Answers that need the bots themselves.
import { type Examination, ExamineBot } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { answer, type Query } from '@molthub/service';
import { z } from 'zod';
import { askOne } from './ask.ts';
import { Target } from './targets.ts';

export const queriesOf = (home: string): readonly Query[] => [
  answer(ExamineBot, async ({ data: { botId }, workspace }, runtime): Promise<Examination> => {
    const rows = await runtime.reads(
      `select workspace, bot_id as "botId", fleet_id as "fleetId", mode, url, token_reference as "tokenReference",
         simulated, hash, health_check as "healthCheck"
       from targets where workspace = $1 and bot_id = $2`,
      [workspace, botId],
    );
    const [target] = z.array(Target).parse(rows);
    if (!target)
      throw new Rejected('health.bot-unknown', 'Nothing was released for this bot yet, so there is nothing to ask.');
    const { mode, simulated } = target;
    const probedAt = runtime.now().toISOString();
    if (mode !== 'RUNNING') {
      const detail = `Not asked: the bot is ${mode.toLowerCase()}.`;
      return { status: 'UNKNOWN', latencyMs: null, detail, probedAt, version: null, protocol: null, simulated };
    }
    return { ...(await askOne(home, target)), probedAt, simulated };
  }),
];
