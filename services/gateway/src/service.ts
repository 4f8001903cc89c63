// gateway: the only HTTP door. It owns API keys, ingest tokens, operations and the feed, and says who was turned away.
import {
  BotRetired,
  CreateApiKey,
  IssueIngestToken,
  PublishSigningKey,
  RecordDenial,
  RecordRefusal,
  RevokeApiKey,
  RevokeIngestToken,
} from '@molthub/contracts';
import { projection } from '@molthub/event-store';
import { aggregate, asIs, intend, on, type ServiceDefinition } from '@molthub/service';
import { z } from 'zod';
import { apiKey, apiKeyEvents } from './api-key/decider.ts';
import { apiKeys } from './api-key/projection.ts';
import { feedListener, feedRetention } from './feed.ts';
import { idempotencyRetention } from './idempotency.ts';
import { ingestToken, ingestTokenEvents } from './ingest-token/decider.ts';
import { ingestTokens } from './ingest-token/projection.ts';
import { migrations } from './migrations.ts';
import { request, requestEvents } from './request/decider.ts';
import { signingKey, signingKeyEvents } from './signing-key/decider.ts';

export { ensureAdminKey, ensureGatewaySecret } from './admin-key.ts';
export { type GatewaySettings, type RunningGateway, startGateway } from './gateway.ts';
export type { Part } from './world.ts';

export type GatewayLimits = {
  /** Days that events stay in the feed; default 7. */
  readonly feedKeptDays?: number;
  /** Idempotency keys that are remembered at most; default 1,000,000, for a day. */
  readonly idempotencyKeysMax?: number;
};

/** Kept by a listener and never rebuilt: this only publishes it. */
const feedView = projection({
  name: 'feed',
  revision: 1,
  tables: '',
  views: { feed: 'select seq, workspace, event_id, type, stream, at, event from feed' },
  handlers: [],
});

const feedDaysDefault = 7;
const tokensOf = z.array(z.object({ id: z.uuid() }));

export const gatewayService = (limits: GatewayLimits = {}): ServiceDefinition => ({
  name: 'gateway',
  migrations,
  aggregates: [
    aggregate({
      category: 'api-key',
      commands: [CreateApiKey, RevokeApiKey],
      events: apiKeyEvents,
      id: ({ data }) => data.keyId,
      prepare: asIs,
      decider: apiKey,
    }),
    aggregate({
      category: 'ingest-token',
      commands: [IssueIngestToken, RevokeIngestToken],
      events: ingestTokenEvents,
      id: ({ data }) => data.tokenId,
      prepare: asIs,
      decider: ingestToken,
    }),
    aggregate({
      category: 'signing-key',
      commands: [PublishSigningKey],
      events: signingKeyEvents,
      id: ({ data }) => data.keyId,
      prepare: asIs,
      decider: signingKey,
    }),
    aggregate({
      category: 'request',
      commands: [RecordRefusal, RecordDenial],
      events: requestEvents,
      id: ({ data }) => data.requestId,
      prepare: asIs,
      decider: request,
    }),
  ],
  projections: [apiKeys, ingestTokens, feedView],
  reactions: [
    on(BotRetired, 'revoke-ingest-tokens', async ({ data: { botId } }, reads) => {
      const rows = await reads('select id from ingest_tokens where bot_id = $1', [botId]);
      return tokensOf.parse(rows).map(({ id }) => intend(RevokeIngestToken, { tokenId: id, botId }));
    }),
  ],
  listeners: [feedListener(limits.feedKeptDays ?? feedDaysDefault)],
  queries: [],
  jobs: [
    feedRetention(limits.feedKeptDays ?? feedDaysDefault),
    idempotencyRetention(limits.idempotencyKeysMax ?? 1_000_000),
  ],
});
