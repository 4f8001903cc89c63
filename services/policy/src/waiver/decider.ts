// Waivers: made for a while, ended before their time by somebody, or at it by a timer.
import {
  type CommandOf,
  type CreateWaiver,
  type DeleteWaiver,
  type ExpireWaiver,
  ExpireWaiver as expireWaiver,
  type FactOf,
  type WaiverCreated,
  type WaiverDeleted,
  waiverDaysMax,
  type WaiverExpired,
} from '@molthub/contracts';
import { type Decider, type Placed, Rejected, unreachable } from '@molthub/decider';
import type { Due } from '@molthub/service';
import { expectVersion } from '../expected-version.ts';

export type WaiverCommand =
  | CommandOf<typeof CreateWaiver>
  | CommandOf<typeof DeleteWaiver>
  | CommandOf<typeof ExpireWaiver>;
export type WaiverFact = FactOf<typeof WaiverCreated> | FactOf<typeof WaiverDeleted> | FactOf<typeof WaiverExpired>;

export type WaiverState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'active'; readonly waiverId: string; readonly expiresAt: string }
  | { readonly kind: 'ended' };

export const waivers: Decider<WaiverState, WaiverCommand, WaiverFact> = {
  initial: { kind: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'policy.waiver.create.v1':
        if (state.kind !== 'absent')
          throw new Rejected('policy.waiver-exists', 'A waiver with this id exists or existed.');
        requireEnd(command.data.expiresAt, command.time);
        return [{ type: 'policy.waiver.created.v1', data: command.data }, ...replaced(command.data.replaces)];
      case 'policy.waiver.delete.v1': {
        if (state.kind === 'absent') throw new Rejected('policy.waiver-not-found', 'There is no such waiver.');
        if (state.kind === 'ended') throw new Rejected('policy.waiver-ended', 'This waiver has ended already.');
        expectVersion(command.data.expectedVersion, 1);
        return [{ type: 'policy.waiver.deleted.v1', data: { waiverId: state.waiverId } }];
      }
      case 'policy.waiver.expire.v1':
        // One that was deleted meanwhile has ended.
        return state.kind === 'active'
          ? [{ type: 'policy.waiver.expired.v1', data: { waiverId: state.waiverId } }]
          : [];
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => {
    switch (fact.type) {
      case 'policy.waiver.created.v1':
        return { kind: 'active', waiverId: fact.data.waiverId, expiresAt: fact.data.expiresAt };
      case 'policy.waiver.deleted.v1':
      case 'policy.waiver.expired.v1':
        return { kind: 'ended' };
      default:
        return unreachable(fact);
    }
  },
};

const replaced = (waiverId: string | undefined): readonly Placed<WaiverFact>[] =>
  waiverId === undefined
    ? []
    : [{ type: 'policy.waiver.deleted.v1', stream: waiverStream(waiverId), data: { waiverId } }];

export const waiverStream = (waiverId: string) => `waiver-${waiverId}`;

/** When a waiver ends by itself. */
export const waiverDue = (state: WaiverState): Due | null =>
  state.kind === 'active'
    ? { at: state.expiresAt, definition: expireWaiver, data: { waiverId: state.waiverId } }
    : null;

const dayMs = 24 * 60 * 60 * 1_000;

const requireEnd = (expiresAt: string, now: string): void => {
  const left = Date.parse(expiresAt) - Date.parse(now);
  if (left > 0 && left <= waiverDaysMax * dayMs) return;
  const message = left > 0 ? `must be within ${waiverDaysMax} days` : 'must be in the future';
  throw new Rejected('policy.waiver-invalid', `expiresAt ${message}; renew a waiver rather than make a long one.`, [
    { path: 'expiresAt', code: left > 0 ? 'too-late' : 'in-the-past', message },
  ]);
};
