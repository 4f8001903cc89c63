// Findings as rows, open and closed.
import {
  type FactOf,
  FindingClosed,
  FindingOpened,
  type Recorded,
  RunawayFindingClosed,
  RunawayFindingOpened,
} from '@molthub/contracts';
import { projection, type Sql, when } from '@molthub/event-store';

const insert = ({ workspace, data }: Recorded<FactOf<typeof FindingOpened | typeof RunawayFindingOpened>>, sql: Sql) =>
  sql(
    `insert into findings (workspace, id, bot_id, fleet_id, kind, severity, title, evidence, opened_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      workspace,
      data.findingId,
      data.botId,
      data.fleetId,
      data.kind,
      data.severity,
      data.title,
      JSON.stringify(data.evidence),
      data.openedAt,
    ],
  );
const close = ({ data }: Recorded<FactOf<typeof FindingClosed | typeof RunawayFindingClosed>>, sql: Sql) =>
  sql('update findings set evidence = evidence || $2, closed_at = $3 where id = $1', [
    data.findingId,
    JSON.stringify(data.evidence),
    data.closedAt,
  ]);

export const findingsView = projection({
  name: 'findings',
  revision: 2,
  tables: `
    create table findings (
      workspace text not null, id uuid primary key, bot_id uuid not null, fleet_id uuid, kind text not null,
      severity text not null, title text not null, evidence jsonb not null, opened_at timestamptz not null,
      closed_at timestamptz
    );
    create index on findings (workspace, opened_at, id);
    create index on findings (bot_id, opened_at);
    create index on findings (bot_id) where closed_at is null;
  `,
  views: {
    findings: `select workspace, id, bot_id, fleet_id, kind, severity, title, evidence, opened_at, closed_at
      from findings`,
  },
  handlers: [
    when(RunawayFindingOpened, insert),
    when(FindingOpened, insert),
    when(RunawayFindingClosed, close),
    when(FindingClosed, close),
  ],
});
