// The key that ingest tokens are signed with: its public half is published once.
import { type CommandOf, type FactOf, type PublishSigningKey, SigningKeyPublished } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';

export const signingKeyEvents = [SigningKeyPublished] as const;

export const signingKey: Decider<boolean, CommandOf<typeof PublishSigningKey>, FactOf<typeof SigningKeyPublished>> = {
  initial: false,
  decide: ({ data }, isPublished) => (isPublished ? [] : [{ type: SigningKeyPublished.type, data }]),
  evolve: () => true,
};
