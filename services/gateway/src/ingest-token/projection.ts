import { IngestTokenIssued, IngestTokenRevoked } from '@molthub/contracts';
import { projection, when } from '@molthub/event-store';

export const ingestTokens = projection({
  name: 'ingest-tokens',
  revision: 1,
  tables: `
    create table ingest_tokens (
      workspace text not null, id uuid primary key, bot_id uuid not null, expires_at timestamptz not null
    );
    create index on ingest_tokens (bot_id);
  `,
  views: {},
  handlers: [
    when(IngestTokenIssued, ({ data, workspace }, sql) =>
      sql('insert into ingest_tokens (workspace, id, bot_id, expires_at) values ($1, $2, $3, $4)', [
        workspace,
        data.tokenId,
        data.botId,
        data.expiresAt,
      ]),
    ),
    when(IngestTokenRevoked, ({ data }, sql) => sql('delete from ingest_tokens where id = $1', [data.tokenId])),
  ],
});
