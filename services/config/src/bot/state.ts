// What is known of a bot: nothing, a first proposal, the bot with its versions, or that it was retired.
import type {
  Actor,
  AppliedLayers,
  BotCreated,
  BotRetired,
  Environment,
  FactOf,
  Manifest,
  ManifestOrigin,
  ManifestProposed,
  ManifestPublished,
  ManifestRefused,
  ResolvedManifest,
  VerdictAsked,
} from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import type { z } from 'zod';

export type BotFact =
  | FactOf<typeof ManifestProposed>
  | FactOf<typeof VerdictAsked>
  | FactOf<typeof ManifestRefused>
  | FactOf<typeof BotCreated>
  | FactOf<typeof ManifestPublished>
  | FactOf<typeof BotRetired>;

export type Proposal = {
  readonly proposalId: string;
  readonly fleetId: string;
  readonly fleetName: string;
  readonly environment: Environment;
  readonly origin: z.infer<typeof ManifestOrigin>;
  readonly version: number;
  readonly manifest: Manifest;
  readonly resolved: ResolvedManifest;
  readonly hash: string;
  readonly reason: string;
  readonly forChangeSetId: string | null;
  readonly layers?: AppliedLayers | undefined;
  readonly layeredHash?: string | null | undefined;
  readonly layersChangeSetId?: string | undefined;
  readonly enforcedPolicyPackIds?: string[] | undefined;
  readonly author: Actor;
  /** How often policy was asked about it; absent where that was once. */
  readonly asked?: number | undefined;
};

export type Current = {
  readonly version: number;
  readonly hash: string;
  readonly generation: number;
  readonly origin: z.infer<typeof ManifestOrigin>;
};

export type Bot = {
  readonly kind: 'exists';
  /** Events in the stream so far. */
  readonly position: number;
  /** Version of the bot as it is shown: the position of its last published version. */
  readonly version: number;
  readonly fleetId: string;
  readonly name: string;
  readonly engine: string;
  readonly target: string;
  /** Null only between the two events of a bot's creation, which are committed as one. */
  readonly current: Current | null;
  readonly proposal: Proposal | null;
};

export type BotState =
  | { readonly kind: 'absent'; readonly position: number }
  | { readonly kind: 'proposed'; readonly position: number; readonly proposal: Proposal }
  | Bot
  | { readonly kind: 'retired'; readonly position: number };

export const initial: BotState = { kind: 'absent', position: 0 };

/** The proposal that waits for its verdict, if any. */
export const openProposal = (state: BotState): Proposal | null =>
  state.kind === 'proposed' || state.kind === 'exists' ? state.proposal : null;

export const evolve = (before: BotState, fact: BotFact): BotState => {
  const position = before.position + 1;
  const state: BotState = { ...before, position };
  switch (fact.type) {
    case 'config.manifest.proposed.v1':
      return state.kind === 'exists'
        ? { ...state, proposal: fact.data }
        : { kind: 'proposed', position, proposal: fact.data };
    case 'config.verdict.asked.v1': {
      const open = openProposal(state);
      if (open?.proposalId !== fact.data.proposalId || !('proposal' in state)) return state;
      return { ...state, proposal: { ...open, asked: fact.data.asked } };
    }
    case 'config.manifest.refused.v1':
      if (openProposal(state)?.proposalId !== fact.data.proposalId) return state;
      return state.kind === 'exists' ? { ...state, proposal: null } : { kind: 'absent', position };
    case 'config.bot.created.v1': {
      const { fleetId, name, engine, target } = fact.data;
      const proposal = openProposal(state);
      return { kind: 'exists', position, version: position, fleetId, name, engine, target, current: null, proposal };
    }
    case 'config.manifest.published.v1': {
      if (state.kind !== 'exists') return state;
      const { version, hash, generation, origin } = fact.data;
      return { ...state, version: position, current: { version, hash, generation, origin }, proposal: null };
    }
    case 'config.bot.retired.v1':
      return { kind: 'retired', position };
    default:
      return unreachable(fact);
  }
};
