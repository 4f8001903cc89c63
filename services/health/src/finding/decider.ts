// A finding is opened once and closed once; whoever found it says when.
import {
  type CloseFinding,
  type CommandOf,
  type FactOf,
  FindingClosed,
  FindingOpened,
  type OpenFinding,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

type Command = CommandOf<typeof OpenFinding> | CommandOf<typeof CloseFinding>;
type Fact = FactOf<typeof FindingOpened> | FactOf<typeof FindingClosed>;

export type Finding = { readonly phase: 'unknown' | 'open' | 'closed' };

export const findings: Decider<Finding, Command, Fact> = {
  initial: { phase: 'unknown' },
  decide: (command, { phase }) => {
    switch (command.type) {
      case 'health.finding.open.v1':
        return phase === 'unknown' ? [{ type: FindingOpened.type, data: command.data }] : [];
      case 'health.finding.close.v1':
        return phase === 'open' ? [{ type: FindingClosed.type, data: command.data }] : [];
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => ({ phase: fact.type === FindingOpened.type ? 'open' : 'closed' }),
};
