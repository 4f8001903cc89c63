// What others say that spans are judged by: whose tokens are good, and which configuration a bot runs since when.
import {
  BotConverged,
  IngestTokenRevoked,
  type Recorded,
  SigningKeyPublished,
  SimulatorKeyPublished,
} from '@molthub/contracts';
import type { Sql } from '@molthub/event-store';
import type { Listener } from '@molthub/service';

/** `changed` is called after keys or revocations were committed by this process. */
export const listenToOthers = (changed: () => void): Listener => ({
  name: 'surroundings',
  sources: ['gateway', 'reconciler'],
  types: [SigningKeyPublished.type, SimulatorKeyPublished.type, IngestTokenRevoked.type, BotConverged.type],
  apply: async (events, sql) => {
    await Promise.all(events.map(async (event) => handlers[event.type]?.(event, sql)));
  },
  applied: (events) => {
    if (events.some((event) => event.type !== BotConverged.type)) changed();
  },
});

const publish = (simulatedOnly: boolean) => (event: Recorded, sql: Sql) => {
  const { keyId, publicKey } = SigningKeyPublished.data.parse(event.data);
  return sql(
    `insert into signing_keys (key_id, public_key, simulated_only) values ($1, $2, $3)
     on conflict (key_id) do nothing`,
    [keyId, publicKey, simulatedOnly],
  );
};

const handlers: Readonly<Record<string, (event: Recorded, sql: Sql) => Promise<unknown>>> = {
  [SigningKeyPublished.type]: publish(false),
  [SimulatorKeyPublished.type]: publish(true),
  [IngestTokenRevoked.type]: (event, sql) =>
    sql('insert into revoked_tokens (token_id, revoked_at) values ($1, $2) on conflict do nothing', [
      IngestTokenRevoked.data.parse(event.data).tokenId,
      event.time,
    ]),
  [BotConverged.type]: (event, sql) => {
    const { botId, hash } = BotConverged.data.parse(event.data);
    return sql(
      `insert into bot_configs (workspace, bot_id, since, hash) values ($1, $2, $3, $4)
       on conflict (bot_id, since) do update set hash = excluded.hash`,
      [event.workspace, botId, event.time, hash],
    );
  },
};
