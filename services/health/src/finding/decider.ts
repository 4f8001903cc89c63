// A finding is opened once and closed once; whoever found it says when.
import {
  type CloseFinding,
  type CommandOf,
  type FactOf,
  FindingClosed,
  FindingOpened,
  type OpenFinding,
  type RunawayFindingClosed,
  type RunawayFindingOpened,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

type Command = CommandOf<typeof OpenFinding> | CommandOf<typeof CloseFinding>;
type Fact =
  | FactOf<typeof FindingOpened>
  | FactOf<typeof FindingClosed>
  | FactOf<typeof RunawayFindingOpened>
  | FactOf<typeof RunawayFindingClosed>;

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
  evolve: (_, fact) => {
    switch (fact.type) {
      case 'health.finding.opened.v1':
      case 'health.finding.opened.v2':
        return { phase: 'open' };
      case 'health.finding.closed.v1':
      case 'health.finding.closed.v2':
        return { phase: 'closed' };
      default:
        return unreachable(fact);
    }
  },
};
