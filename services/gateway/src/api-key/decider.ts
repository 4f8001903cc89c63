// An API key: made once, revoked once. Its secret is never part of an event.
import {
  ApiKeyCreated,
  ApiKeyRevoked,
  type CommandOf,
  type CreateApiKey,
  type FactOf,
  type RevokeApiKey,
} from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';

export const apiKeyEvents = [ApiKeyCreated, ApiKeyRevoked] as const;
export type ApiKeyCommand = CommandOf<typeof CreateApiKey> | CommandOf<typeof RevokeApiKey>;
export type ApiKeyFact = FactOf<(typeof apiKeyEvents)[number]>;

type State = { readonly is: 'unknown' } | { readonly is: 'valid' } | { readonly is: 'revoked' };

export const apiKey: Decider<State, ApiKeyCommand, ApiKeyFact> = {
  initial: { is: 'unknown' },
  decide: (command, state) => {
    switch (command.type) {
      case 'gateway.api-key.create.v1':
        // The id is derived from the request: a key that is there already was made by an earlier try of it.
        return state.is === 'unknown' ? [{ type: ApiKeyCreated.type, data: command.data }] : [];
      case 'gateway.api-key.revoke.v1':
        if (state.is === 'unknown') throw new Rejected('gateway.api-key-not-found', 'There is no such API key.');
        return state.is === 'revoked' ? [] : [{ type: ApiKeyRevoked.type, data: { keyId: command.data.keyId } }];
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => {
    switch (fact.type) {
      case 'gateway.api-key.created.v1':
        return { is: 'valid' };
      case 'gateway.api-key.revoked.v1':
        return { is: 'revoked' };
      default:
        return unreachable(fact);
    }
  },
};
