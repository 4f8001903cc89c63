// One question to policy: may these bots be released? Asked once, answered once. Until then they wait.
import {
  type AskRelease,
  type ClearRelease,
  type CommandOf,
  type Environment,
  type FactOf,
  ReleaseAsked,
  ReleaseCleared,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

export type ClearanceFact = FactOf<typeof ReleaseAsked> | FactOf<typeof ReleaseCleared>;
export type Clearance = 'nothing' | 'asked' | 'cleared';

/** The bots that still wait, as many of those asked about as fit into one event. */
export type Waiting = {
  readonly fleetId: string;
  readonly environment: Environment;
  readonly bots: FactOf<typeof ReleaseAsked>['data']['bots'];
};

export type ClearanceCommand =
  | (CommandOf<typeof AskRelease> & { readonly waiting: Waiting | null })
  | CommandOf<typeof ClearRelease>;

export const clearance: Decider<Clearance, ClearanceCommand, ClearanceFact> = {
  initial: 'nothing',
  decide: (command, state) => {
    switch (command.type) {
      case 'rollout.release.ask.v1': {
        if (state !== 'nothing' || command.waiting === null) return [];
        const { askId, changeSetId } = command.data;
        return [{ type: ReleaseAsked.type, data: { askId, changeSetId, ...command.waiting } }];
      }
      case 'rollout.release.clear.v1':
        return state === 'asked' ? [{ type: ReleaseCleared.type, data: command.data }] : [];
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => (fact.type === 'rollout.release.asked.v1' ? 'asked' : 'cleared'),
};
