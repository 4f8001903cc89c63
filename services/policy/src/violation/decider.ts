// What a sweep found of one bot: what is new, and what is not there any more. Which that is was read before.
import type { CommandOf, FactOf, RecordFindings, ViolationsOpened, ViolationsResolved } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';

export type ViolationFact = FactOf<typeof ViolationsOpened> | FactOf<typeof ViolationsResolved>;

export const violations: Decider<null, CommandOf<typeof RecordFindings>, ViolationFact> = {
  initial: null,
  decide: ({ data: { opened, resolved, ...bot } }) => [
    ...(resolved.length > 0
      ? [{ type: 'policy.violation.resolved.v1' as const, data: { ...bot, violations: resolved } }]
      : []),
    ...(opened.length > 0
      ? [{ type: 'policy.violation.opened.v1' as const, data: { ...bot, violations: opened } }]
      : []),
  ],
  evolve: () => null,
};
