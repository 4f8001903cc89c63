// What bots violate, who may do so for a while, and what policy did about changes.
import type { Described } from '../dashboard.ts';
import { toBot } from '../links.ts';
import { bars, numbers, ranking, rows, statusColors } from '../panels.ts';
import { newestOf, recordedOverTime } from '../record.ts';
import { inFleets, inWorkspace } from '../scope.ts';
import { fleets, workspace } from '../variables.ts';

const totals = `select count(*) filter (where action = 'deny')::float8 as "denied", count(*) filter (where action = 'warn')::float8 as "warned",
  count(*) filter (where action = 'audit')::float8 as "only noted", count(distinct bot_id)::float8 as "bots"
from policy_read.violations where ${inFleets()}`;

const bySeverity = `select severity, count(*)::float8 as "violations" from policy_read.violations
where ${inFleets()} group by 1 order by 2 desc`;

const byRule = `select coalesce(p.name, v.pack_id) as "pack", v.rule_id as "rule", max(v.severity) as "severity", max(v.action) as "action",
  count(*)::float8 as "violations", count(distinct v.bot_id)::float8 as "bots",
  count(*) filter (where v.waived_by is not null)::float8 as "waived", max(v.evaluated_at) as "latest"
from policy_read.violations v left join policy_read.packs p on p.id = v.pack_id
where ${inFleets('v.')}
group by 1, 2 order by 5 desc limit 100`;

const newest = `select v.evaluated_at as "time", b.name as "bot", v.severity, v.action, v.pack_id as "pack", v.rule_id as "rule",
  v.path, v.message, v.waived_by is not null as "waived", v.bot_id
from policy_read.violations v left join config_read.bots b on b.id = v.bot_id
where ${inFleets('v.')}
order by 1 desc limit 200`;

const packs = `select name, priority, is_active as "active", is_enforced as "enforced", auto_apply as "changes manifests",
  is_builtin as "comes with Molthub", jsonb_array_length(rules::jsonb) as "rules", version
from policy_read.packs where workspace is null or ${inWorkspace()}
order by is_active desc, priority desc, name limit 200`;

const waivers = `select w.name as "waiver", w.status, w.rule_id as "rule", w.pack_id as "pack", b.name as "bot", w.owner, w.reason,
  w.expires_at as "until", w.created_at as "since", w.bot_id
from policy_read.waivers w left join config_read.bots b on b.id = w.bot_id
where ${inWorkspace('w.')}
order by (w.status = 'ACTIVE') desc, w.expires_at desc limit 100`;

const refused = newestOf(
  ['config.manifest.refused.v1'],
  `e.time, (select b.name from config_read.bots b where b.id::text = e.resource_id) as "bot", e.actor->>'name' as "by",
  e.diff->>'code' as "code", e.diff->>'message' as "message", e.resource_id as bot_id`,
  100,
);

export const policy: Described = {
  uid: 'molthub-policy',
  title: 'Molthub: policy',
  about: 'What bots violate, who may do so for a while, and what policy did about changes.',
  variables: [workspace(), fleets()],
  sections: [
    {
      title: 'Now',
      panels: [
        numbers({ title: 'Violations by what is done about them', sql: totals, width: 14, height: 6 }),
        ranking({ title: 'By severity', sql: bySeverity, width: 10, height: 6 }),
        rows({
          title: 'By rule',
          sql: byRule,
          width: 24,
          columns: { severity: { colors: statusColors } },
        }),
        rows({
          title: 'Violations',
          sql: newest,
          width: 24,
          columns: { bot: { link: toBot }, severity: { colors: statusColors }, bot_id: { hidden: true } },
        }),
        rows({
          title: 'Waivers',
          sql: waivers,
          width: 12,
          columns: { bot: { link: toBot }, status: { colors: statusColors }, bot_id: { hidden: true } },
        }),
        rows({ title: 'Packs', sql: packs, width: 12 }),
      ],
    },
    {
      title: 'Over time, of the whole workspace',
      panels: [
        bars({
          title: 'Violations that came and went',
          about: 'As sweeps found them: how often bots changed.',
          sql: recordedOverTime({ 'policy.violation.opened.v1': 'opened', 'policy.violation.resolved.v1': 'resolved' }),
          width: 12,
        }),
        bars({
          title: 'Changes that were judged',
          sql: recordedOverTime({
            'config.manifest.proposed.v1': 'proposed',
            'policy.manifest.evaluated.v1': 'judged',
            'config.manifest.published.v1': 'published',
            'config.manifest.refused.v1': 'refused',
          }),
          width: 12,
        }),
        rows({
          title: 'Changes that were refused, the newest',
          sql: `${refused} order by 1 desc`,
          width: 24,
          columns: { bot: { link: toBot }, bot_id: { hidden: true } },
        }),
      ],
    },
  ],
};
