// A runaway begins and ends once; the database sees it, here it becomes a fact.
import {
  type CommandOf,
  type EndRunaway,
  type FactOf,
  type ReportRunaway,
  RunawayDetected,
  RunawayEnded,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

type Command = CommandOf<typeof ReportRunaway> | CommandOf<typeof EndRunaway>;
type Fact = FactOf<typeof RunawayDetected> | FactOf<typeof RunawayEnded>;

export type Runaway = 'unknown' | 'running' | 'ended';

export const runawayDecider: Decider<{ readonly phase: Runaway }, Command, Fact> = {
  initial: { phase: 'unknown' },
  decide: (command, { phase }) => {
    switch (command.type) {
      case 'trace.runaway.report.v1':
        return phase === 'unknown' ? [{ type: RunawayDetected.type, data: command.data }] : [];
      case 'trace.runaway.end.v1':
        return phase === 'running' ? [{ type: RunawayEnded.type, data: command.data }] : [];
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => ({ phase: fact.type === RunawayDetected.type ? 'running' : 'ended' }),
};
