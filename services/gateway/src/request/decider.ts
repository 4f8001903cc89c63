// A request that was turned away: noted once, for the audit and whoever watches.
import {
  type CommandOf,
  type FactOf,
  type RecordDenial,
  type RecordRefusal,
  RequestDenied,
  RequestRefused,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

export const requestEvents = [RequestRefused, RequestDenied] as const;
export type RequestCommand = CommandOf<typeof RecordRefusal> | CommandOf<typeof RecordDenial>;

export const request: Decider<boolean, RequestCommand, FactOf<(typeof requestEvents)[number]>> = {
  initial: false,
  decide: (command, isNoted) => {
    if (isNoted) return [];
    switch (command.type) {
      case 'gateway.request.record-refusal.v1':
        return [{ type: RequestRefused.type, data: command.data.refusal }];
      case 'gateway.request.record-denial.v1':
        return [{ type: RequestDenied.type, data: command.data.denial }];
      default:
        return unreachable(command);
    }
  },
  evolve: () => true,
};
