// What keeps releases off a bot: a hold what is automatic, a pin everybody.
import {
  type CommandOf,
  type FactOf,
  type HoldKind,
  HoldLifted,
  HoldPlaced,
  type LiftHold,
  type PlaceHold,
} from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';

export const holdEvents = [HoldPlaced, HoldLifted] as const;
export type HoldFact = FactOf<(typeof holdEvents)[number]>;
export type Holds = readonly HoldKind[];

export type HoldCommand = (CommandOf<typeof PlaceHold> & { readonly isKnown: boolean }) | CommandOf<typeof LiftHold>;

export const hold: Decider<Holds, HoldCommand, HoldFact> = {
  initial: [],
  decide: (command, kinds) => {
    const { data } = command;
    switch (command.type) {
      case 'rollout.hold.place.v1': {
        if (!command.isKnown) {
          throw new Rejected(
            'rollout.bot-not-found',
            'There is no such bot, or none of its versions was published yet.',
          );
        }
        if (kinds.includes(data.kind)) return [];
        return [{ type: HoldPlaced.type, data: { ...data, changeSetId: null, placedBy: command.actor } }];
      }
      case 'rollout.hold.lift.v1':
        return kinds.includes(data.kind) ? [{ type: HoldLifted.type, data }] : [];
      default:
        return unreachable(command);
    }
  },
  evolve: (kinds, { type, data }) => {
    const others = kinds.filter((kind) => kind !== data.kind);
    return type === 'rollout.hold.placed.v1' ? [...others, data.kind] : others;
  },
};
