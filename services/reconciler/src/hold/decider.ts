// Whether the bots of a fleet are healed: held when too much of it drifts at once, resumed by a person or when it is over.
import {
  type CommandOf,
  type FactOf,
  HealingHeld,
  HealingResumed,
  HoldHealing,
  ResumeHealing,
} from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';

export const holdCommands = [HoldHealing, ResumeHealing] as const;
export const holdEvents = [HealingHeld, HealingResumed] as const;
export type HoldCommand = CommandOf<(typeof holdCommands)[number]>;
export type HoldFact = FactOf<(typeof holdEvents)[number]>;
export type HoldState = { readonly isHeld: boolean };

export const holdDecider: Decider<HoldState, HoldCommand, HoldFact> = {
  initial: { isHeld: false },
  decide: (command, { isHeld }) => {
    switch (command.type) {
      case 'reconciler.healing.hold.v1':
        return isHeld ? [] : [{ type: HealingHeld.type, data: command.data }];
      case 'reconciler.healing.resume.v1': {
        if (isHeld) return [{ type: HealingResumed.type, data: command.data }];
        if (command.data.isOver) return [];
        throw new Rejected('reconciler.not-held', 'The bots of this fleet are healed: there is nothing to resume.');
      }
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => ({ isHeld: fact.type === 'reconciler.healing.held.v1' }),
};
