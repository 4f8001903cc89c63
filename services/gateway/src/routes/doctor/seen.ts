// What the doctor looks at: the read side, the manifest checked anew, and the bot asked just now.
import {
  BotError,
  BotStatus,
  DriftItem,
  DriftStatus,
  Examination,
  ExamineBot,
  FindingKind,
  FindingSeverity,
  HealthStatus,
  Problem,
  ValidateManifest,
} from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { derivedId } from '@molthub/identity';
import { z } from 'zod';
import { oneRow } from '../../read-side.ts';
import type { Call } from '../../route.ts';
import { time } from '../shapes.ts';

const Facts = z.object({
  bot: z.object({
    name: z.string(),
    fleetId: z.uuid(),
    fleetName: z.string(),
    status: BotStatus,
    manifestVersion: z.int(),
    engineVersion: z.string().nullable(),
    desiredHash: z.string(),
    createdAt: time,
  }),
  reconciler: z
    .object({
      desiredHash: z.string(),
      observedHash: z.string().nullable(),
      driftStatus: DriftStatus,
      drift: z.array(DriftItem),
      lastError: BotError.nullable(),
    })
    .nullable(),
  health: z.object({ status: HealthStatus, changedAt: time, detail: z.string() }).nullable(),
  findings: z.array(z.object({ id: z.uuid(), kind: FindingKind, severity: FindingSeverity, title: z.string() })),
  lastRequestAt: time.nullable(),
  tracing: z.boolean(),
  written: z.json(),
});

type Unknown = { readonly is: 'unknown'; readonly why: string };
export type Seen = Omit<z.infer<typeof Facts>, 'written'> & {
  readonly manifest: Unknown | { readonly is: 'known'; readonly errors: readonly Problem[] };
  readonly probe: Unknown | (Examination & { readonly is: 'known' });
};

const facts = `select
  json_build_object('name', b.name, 'fleetId', b.fleet_id, 'fleetName', b.fleet_name,
    'status', coalesce(r.status, 'CREATING'), 'manifestVersion', b.manifest_version,
    'engineVersion', b.engine_version, 'desiredHash', b.desired_hash, 'createdAt', b.created_at) as bot,
  case when r.bot_id is not null then json_build_object('desiredHash', r.desired_hash, 'observedHash', r.observed_hash,
    'driftStatus', r.drift_status, 'drift', r.drift, 'lastError', r.last_error) end as reconciler,
  case when h.bot_id is not null then
    json_build_object('status', h.status, 'changedAt', h.changed_at, 'detail', h.detail) end as health,
  (select coalesce(json_agg(json_build_object('id', f.id, 'kind', f.kind, 'severity', f.severity, 'title', f.title)
     order by f.opened_at), '[]')
   from health_read.findings f where f.bot_id = b.id and f.closed_at is null) as findings,
  (select max(t.minute) from trace_read.bot_minutes t where t.workspace = b.workspace and t.bot_id = b.id)
    as "lastRequestAt",
  coalesce((m.resolved->'spec'->'observability'->>'tracing')::boolean, true) as tracing, m.manifest as written
from config_read.bots b
join config_read.manifests m on m.bot_id = b.id and m.version = b.manifest_version
left join reconciler_read.bots r on r.bot_id = b.id
left join health_read.bots h on h.bot_id = b.id
where b.workspace = $1 and b.id = $2`;

const Checked = z.object({ valid: z.boolean(), errors: z.array(Problem) });

/** A service that does not answer leaves a part of the picture unknown; the doctor says so and goes on. */
const unlessAway = async <T>(asked: Promise<T>): Promise<T | Unknown> => {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof HttpProblem) return { is: 'unknown', why: error.message };
    throw error;
  }
};

export const lookAt = async (call: Call, botId: string): Promise<Seen> => {
  const { written, ...seen } = Facts.parse(
    oneRow(await call.world.views(facts, [call.workspace, botId]), 'bot instance'),
  );
  // Two questions of one request: each has an id of its own, by which its answer is known.
  const examined = call.dispatch
    .ask({ ...call, commandId: derivedId(call.commandId, 'examine') }, ExamineBot, { botId })
    .then((answer) => ({ is: 'known' as const, ...Examination.parse(answer) }));
  const validated = call.dispatch
    .ask({ ...call, commandId: derivedId(call.commandId, 'validate') }, ValidateManifest, { manifest: written, botId })
    .then((answer) => ({ is: 'known' as const, errors: Checked.parse(answer).errors }));
  const [probe, manifest] = await Promise.all([unlessAway(examined), unlessAway(validated)]);
  return { ...seen, probe, manifest };
};
