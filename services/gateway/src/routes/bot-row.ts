// A bot as the API shows it: config's row with what reconciler and health know of it.
import { BotError, BotStatus, DriftStatus, Endpoint, Environment, Hash, HealthStatus } from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { oneRow } from '../read-side.ts';
import type { Answer, Call } from '../route.ts';
import { time } from './shapes.ts';

export const Bot = z.object({
  id: z.uuid(),
  fleetId: z.uuid(),
  fleetName: z.string(),
  name: z.string(),
  environment: Environment,
  status: BotStatus,
  health: HealthStatus,
  driftStatus: DriftStatus,
  manifestVersion: z.int(),
  generation: z.int(),
  assignedGeneration: z
    .int()
    .describe('The newest that was released to it, 0 for none; status and lastError are about this one.'),
  observedGeneration: z.int(),
  desiredHash: Hash,
  observedHash: Hash.nullable(),
  runtime: z.object({ engine: z.string(), version: z.string().nullable() }),
  target: z.object({ kind: z.string(), endpoint: Endpoint.nullable() }),
  simulated: z.boolean(),
  labels: z.record(z.string(), z.string()),
  lastError: BotError.nullable(),
  convergedAt: time.nullable(),
  version: z.int(),
  createdAt: time,
  updatedAt: time,
});

/** A bot that the reconciler has not heard of yet is CREATING; one that was never probed is UNKNOWN. */
export const botColumns = `b.id, b.fleet_id as "fleetId", b.fleet_name as "fleetName", b.name, b.environment,
  coalesce(r.status, 'CREATING') as status, coalesce(h.status, 'UNKNOWN') as health,
  coalesce(r.drift_status, 'UNKNOWN') as "driftStatus", b.manifest_version as "manifestVersion", b.generation,
  coalesce(r.generation, 0) as "assignedGeneration", coalesce(r.observed_generation, 0) as "observedGeneration", b.desired_hash as "desiredHash",
  r.observed_hash as "observedHash", json_build_object('engine', b.engine, 'version', b.engine_version) as runtime,
  json_build_object('kind', b.target, 'endpoint', r.endpoint) as target,
  coalesce(r.simulated, b.engine = 'simulated') as simulated, b.labels, r.last_error as "lastError",
  r.converged_at as "convergedAt", b.version, b.created_at as "createdAt",
  greatest(b.updated_at, r.updated_at) as "updatedAt"`;

export const botTables = `config_read.bots b
  left join reconciler_read.bots r on r.bot_id = b.id
  left join health_read.bots h on h.bot_id = b.id`;

export const answerBot = async (call: Call, id: string, status = 200): Promise<Answer> => {
  const rows = await call.world.views(`select ${botColumns} from ${botTables} where b.workspace = $1 and b.id = $2`, [
    call.workspace,
    id,
  ]);
  const body = oneRow(rows, 'bot instance');
  return { status, body, headers: { etag: etagOf(Number(body['version'])) } };
};

export const ofBot = ({ params }: { readonly params: { readonly id: string } }) => [
  { kind: 'bot', id: params.id } as const,
];
