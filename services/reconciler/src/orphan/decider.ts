// What has Molthub's mark and no bot: told once, and again when it is gone. Nothing is ever done to it.
import { type CommandOf, type FactOf, ForgetOrphan, OrphanDetected, OrphanGone, TellOrphan } from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

export const orphanCommands = [TellOrphan, ForgetOrphan] as const;
export const orphanEvents = [OrphanDetected, OrphanGone] as const;
export type OrphanFact = FactOf<(typeof orphanEvents)[number]>;
/** As it was told, or null where nothing is to be told. */
export type OrphanState = { readonly told: FactOf<typeof OrphanDetected>['data'] | null };

export const orphanDecider: Decider<OrphanState, CommandOf<(typeof orphanCommands)[number]>, OrphanFact> = {
  initial: { told: null },
  decide: (command, { told }) => {
    switch (command.type) {
      case 'reconciler.orphan.tell.v1': {
        const { data } = command;
        const isKnown = told?.pid === data.pid && told.node === data.node && told.detail === data.detail;
        return isKnown ? [] : [{ type: OrphanDetected.type, data }];
      }
      case 'reconciler.orphan.forget.v1':
        return told === null ? [] : [{ type: OrphanGone.type, data: { botId: told.botId } }];
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => ({ told: fact.type === 'reconciler.orphan.detected.v1' ? fact.data : null }),
};
