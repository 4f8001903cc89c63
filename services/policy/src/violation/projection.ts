// What each bot violates, as rows: what the verdict on its version found, and what sweeps found and lost since.
import { ManifestEvaluated, type Violation, ViolationsOpened, ViolationsResolved } from '@molthub/contracts';
import { projection, type Sql, when } from '@molthub/event-store';
import { findingOf, keyOf } from './difference.ts';

type Of = {
  readonly workspace: string;
  readonly time: string;
  readonly data: { readonly botId: string; readonly fleetId: string };
};

export const violationsProjection = projection({
  name: 'violations',
  revision: 4,
  tables: `
    create table violations (
      workspace text not null, bot_id uuid not null, ordinal bigint generated always as identity, key text not null,
      finding text not null, fleet_id uuid not null, pack_id text not null, rule_id text not null, severity text not null,
      action text not null, path text not null, message text not null, current_value jsonb, suggested_value jsonb,
      override_reason text, waived_by jsonb, evaluated_at timestamptz not null, primary key (bot_id, ordinal),
      unique (bot_id, finding)
    );
    create index on violations (workspace, pack_id, rule_id);
  `,
  views: {
    violations: `select workspace, bot_id || '/' || lpad(row_number() over (
        partition by bot_id order by pack_id, rule_id, path, message, key)::text, 6, '0') as id, bot_id, fleet_id,
      pack_id, rule_id, severity, action, path, message, current_value, suggested_value, override_reason, waived_by,
      evaluated_at from violations`,
  },
  handlers: [
    // What was refused is no version of the bot, and violates nothing.
    when(ManifestEvaluated, async (event, sql) => {
      if (!event.data.valid) return;
      const { botId, violations, warnings } = event.data;
      const found = [...violations, ...warnings];
      // What is found again stays as the last sweep left it: a sweep says what is done about it in the background.
      const removed = sql('delete from violations where bot_id = $1 and finding <> all($2::text[])', [
        botId,
        found.map(findingOf),
      ]);
      await Promise.all([removed, insert(event, found, sql)]);
    }),
    when(ViolationsOpened, (event, sql) => insert(event, event.data.violations, sql)),
    when(ViolationsResolved, ({ data }, sql) =>
      sql('delete from violations where bot_id = $1 and key = any($2::text[])', [
        data.botId,
        data.violations.map(({ key }) => key),
      ]),
    ),
  ],
});

const insert = async ({ workspace, time, data }: Of, found: readonly Violation[], sql: Sql): Promise<void> => {
  if (found.length === 0) return;
  const items = found.map((violation) => ({
    key: keyOf(violation),
    finding: findingOf(violation),
    // Verdicts of before there were actions: ERROR denied, everything else warned.
    action: violation.severity === 'ERROR' ? 'deny' : 'warn',
    ...violation,
  }));
  await sql(
    `insert into violations (workspace, bot_id, key, finding, fleet_id, pack_id, rule_id, severity, action, path, message,
       current_value, suggested_value, override_reason, waived_by, evaluated_at)
     select $1, $2, v.item->>'key', v.item->>'finding', $3, v.item->>'packId', v.item->>'ruleId', v.item->>'severity', v.item->>'action',
       v.item->>'path', v.item->>'message', v.item->'currentValue', v.item->'suggestedValue',
       v.item->>'overrideReason', v.item->'waivedBy', $4
     from jsonb_array_elements($5::jsonb) with ordinality as v (item, ordinal) order by v.ordinal
     on conflict (bot_id, finding) do update set fleet_id = excluded.fleet_id`,
    [
      workspace,
      data.botId,
      data.fleetId,
      time,
      JSON.stringify([...new Map(items.map((item) => [item.finding, item])).values()]),
    ],
  );
};
