import { ManifestEvaluated } from '@molthub/contracts';
import { projection, when } from '@molthub/event-store';

export const evaluationsProjection = projection({
  name: 'evaluations',
  revision: 1,
  tables: `
    create table evaluations (
      workspace text not null, proposal_id uuid primary key, bot_id uuid not null, fleet_id uuid not null,
      valid boolean not null, violations jsonb not null, warnings jsonb not null, evaluated_at timestamptz not null
    );
    create index on evaluations (workspace, bot_id, evaluated_at);
  `,
  views: {
    evaluations: `select workspace, proposal_id, bot_id, fleet_id, valid, violations, warnings, evaluated_at
      from evaluations`,
  },
  handlers: [
    when(ManifestEvaluated, ({ workspace, time, data }, sql) =>
      sql(
        `insert into evaluations (workspace, proposal_id, bot_id, fleet_id, valid, violations, warnings, evaluated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          workspace,
          data.proposalId,
          data.botId,
          data.fleetId,
          data.valid,
          JSON.stringify(data.violations),
          JSON.stringify(data.warnings),
          time,
        ],
      ),
    ),
  ],
});
