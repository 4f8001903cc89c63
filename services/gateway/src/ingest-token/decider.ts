// An ingest token: issued for a bot until a time, revoked when its bot is retired.
import {
  type CommandOf,
  type FactOf,
  IngestTokenIssued,
  IngestTokenRevoked,
  type IssueIngestToken,
  type RevokeIngestToken,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

export const ingestTokenEvents = [IngestTokenIssued, IngestTokenRevoked] as const;
export type IngestTokenCommand = CommandOf<typeof IssueIngestToken> | CommandOf<typeof RevokeIngestToken>;
export type IngestTokenFact = FactOf<(typeof ingestTokenEvents)[number]>;

type State = 'unknown' | 'issued' | 'revoked';

export const ingestToken: Decider<State, IngestTokenCommand, IngestTokenFact> = {
  initial: 'unknown',
  decide: (command, state) => {
    switch (command.type) {
      case 'gateway.ingest-token.issue.v1':
        return state === 'unknown' ? [{ type: IngestTokenIssued.type, data: command.data }] : [];
      case 'gateway.ingest-token.revoke.v1':
        return state === 'issued' ? [{ type: IngestTokenRevoked.type, data: command.data }] : [];
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) => (fact.type === IngestTokenIssued.type ? 'issued' : 'revoked'),
};
