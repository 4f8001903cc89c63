// The keys that simulated bots sign their ingest tokens with: each is made known once.
import { type CommandOf, type FactOf, type PublishSimulatorKey, SimulatorKeyPublished } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';

type State = { readonly keyIds: readonly string[] };
type Fact = FactOf<typeof SimulatorKeyPublished>;

export const simulatorDecider: Decider<State, CommandOf<typeof PublishSimulatorKey>, Fact> = {
  initial: { keyIds: [] },
  decide: ({ data }, state) => (state.keyIds.includes(data.keyId) ? [] : [{ type: SimulatorKeyPublished.type, data }]),
  evolve: (state, fact) => ({ keyIds: [...state.keyIds, fact.data.keyId] }),
};
