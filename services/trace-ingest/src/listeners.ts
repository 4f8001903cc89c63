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
  sendsAtOnce: true,
  apply: async (events, sql) => {
    const converged = events.filter((event) => event.type === BotConverged.type);
    await Promise.all([
      ...events.map(async (event) => handlers[event.type]?.(event, sql)),
      converged.length > 0 && noteConfigs(converged, sql),
    ]);
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
};

/** Bots converge by the thousand, so all of a batch are one statement. */
const noteConfigs = (converged: readonly Recorded[], sql: Sql) => {
  // One statement may not write a row twice.
  const rows = new Map(
    converged.map(({ workspace, time, data }) => {
      const { botId, hash } = BotConverged.data.parse(data);
      return [`${botId} ${time}`, { workspace, bot_id: botId, since: time, hash }];
    }),
  );
  return sql(
    `insert into bot_configs (workspace, bot_id, since, hash)
     select * from jsonb_to_recordset($1) as c (workspace text, bot_id uuid, since timestamptz, hash text)
     on conflict (bot_id, since) do update set hash = excluded.hash`,
    [JSON.stringify([...rows.values()])],
  );
};
