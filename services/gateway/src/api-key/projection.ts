import { ApiKeyCreated, ApiKeyRevoked } from '@molthub/contracts';
import { projection, when } from '@molthub/event-store';

export const apiKeys = projection({
  name: 'api-keys',
  revision: 1,
  tables: `
    create table api_keys (
      workspace text not null, id uuid primary key, name text not null, role text not null, scopes jsonb not null,
      fleet_ids jsonb not null, expires_at timestamptz, revoked_at timestamptz, created_by text not null,
      version int not null, created_at timestamptz not null
    );
    create index on api_keys (workspace, created_at, id);
  `,
  views: {
    api_keys: `select workspace, id, name, role, scopes, fleet_ids, expires_at, revoked_at, created_by, version,
      created_at from api_keys`,
  },
  handlers: [
    when(ApiKeyCreated, ({ data, workspace, actor, time, version }, sql) =>
      sql(
        `insert into api_keys (workspace, id, name, role, scopes, fleet_ids, expires_at, created_by, version, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [
          workspace,
          data.keyId,
          data.name,
          data.role,
          JSON.stringify(data.scopes),
          JSON.stringify(data.fleetIds),
          data.expiresAt,
          actor.name,
          version,
          time,
        ],
      ),
    ),
    when(ApiKeyRevoked, ({ data, time, version }, sql) =>
      sql('update api_keys set revoked_at = $2, version = $3 where id = $1', [data.keyId, time, version]),
    ),
  ],
});
