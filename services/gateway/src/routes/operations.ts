import {
  cancelRebuild,
  type CommandDefinition,
  dropParked,
  platformWorkspace,
  Problem,
  projectionsView,
  rebuildProjection,
  republishBus,
  retryParked,
  ServiceName,
  services,
  WorkspaceSlug,
} from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { z } from 'zod';
import { isOperator } from '../principal.ts';
import { notFound, oneRow, type PlainRow, plainRow } from '../read-side.ts';
import { type Answer, type Call, Id, route, type Route } from '../route.ts';
import { time } from './shapes.ts';

const Operation = z.object({
  id: z.uuid(),
  status: z.enum(['PENDING', 'DONE', 'REFUSED', 'FAILED', 'EXPIRED']),
  resourceId: z.uuid().nullable(),
  command: z.string(),
  attempts: z.int(),
  result: z.record(z.string(), z.json()).nullable(),
  problem: z.object({ code: z.string(), message: z.string(), errors: z.array(Problem) }).nullable(),
  createdAt: time,
  updatedAt: time,
});

const Parked = z.object({
  id: z.uuid(),
  service: ServiceName,
  workspace: WorkspaceSlug,
  consumer: z.string(),
  key: z.string(),
  eventId: z.string(),
  type: z.string(),
  error: z.string(),
  attempts: z.int(),
  behind: z.boolean(),
  parkedAt: time,
});

/** The same query of every service's view; a service that never ran here has none, and nothing to tell. */
const ofEveryService = async (call: Call, query: (service: ServiceName) => string, values: readonly unknown[]) => {
  const present = await call.world.views(`select nspname from pg_namespace where nspname = any($1::text[])`, [
    services.map((service) => `${service}_read`),
  ]);
  const names = new Set(present.map((row) => row['nspname']));
  const rows = await Promise.all(
    services
      .filter((service) => names.has(`${service}_read`))
      .map(async (service) =>
        (await call.world.views(query(service), values)).map((row) => ({ service, ...plainRow(row) })),
      ),
  );
  return rows.flat();
};

const parkedMax = 1_000;
const parkedQuery = (
  service: ServiceName,
) => `select p.id, p.workspace, p.consumer, p.key, p.event_id as "eventId", p.type,
    p.error, p.attempts, p.behind, p.parked_at as "parkedAt"
  from ${service}_read.parked p
  where ($1::text is null or p.workspace = $1) and ($2::uuid is null or p.id = $2)
  order by p.parked_at, p.id limit ${parkedMax}`;

const scopeOf = (call: Call) => (isOperator(call.principal) ? null : call.workspace);

const findParked = async (call: Call, id: string) => {
  const [row] = await ofEveryService(call, parkedQuery, [scopeOf(call), id]);
  if (!row) throw notFound('parked event');
  return Parked.parse(row);
};

const handleParked = (verb: 'retry' | 'drop', summary: string): Route =>
  route({
    method: 'POST',
    path: `/parked/:id/${verb}`,
    permission: `parked:${verb}`,
    reach: 'workspace',
    summary,
    params: Id,
    ...(verb === 'drop'
      ? { body: z.strictObject({ reason: z.string().max(500).default('') }).default({ reason: '' }) }
      : {}),
    answer: z.record(z.string(), z.json()),
    isCommand: true,
    run: async (call, { params, body }) => {
      const { service, workspace } = await findParked(call, params.id);
      const reason = z.object({ reason: z.string() }).safeParse(body);
      return verb === 'retry'
        ? operate(call, retryParked(service), { parkedId: params.id }, workspace, params.id)
        : operate(
            call,
            dropParked(service),
            { parkedId: params.id, reason: reason.success ? reason.data.reason : '' },
            workspace,
            params.id,
          );
    },
  });

const operate = (
  call: Call,
  definition: CommandDefinition,
  data: unknown,
  workspace: string,
  resourceId: string,
): Promise<Answer> =>
  call.dispatch.change(
    { ...call, workspace },
    { definition, data, resourceId, done: async (result) => ({ status: 200, body: result }) },
  );

/** `config/fleets` in one segment: `config.fleets`. */
const ProjectionName = z
  .string()
  .regex(/^[a-z]+\.[a-z][a-z0-9-]*$/, 'a service and a read model, such as config.config');

export const operationRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/operations/:id',
    permission: 'operation:read',
    reach: 'nothing',
    summary: 'Answers how far work is that was answered with 202.',
    params: Id,
    answer: Operation,
    run: async (call, { params }) => {
      const rows = await call.world.runtime.reads(
        `select id, status, resource_id as "resourceId", command->>'type' as command, attempts, outcome,
           created_at as "createdAt", updated_at as "updatedAt"
         from operations where id = $1 and workspace = $2 and ($3::text is null or made_by = $3)`,
        [params.id, call.workspace, call.principal.fleetIds.length > 0 ? call.principal.keyId : null],
      );
      return { status: 200, body: operationOf(oneRow(rows, 'operation')) };
    },
  }),
  route({
    method: 'GET',
    path: '/parked',
    permission: 'parked:read',
    reach: 'workspace',
    summary: 'Lists events that kept failing and wait for a person, the first of each key first.',
    answer: z.object({ items: z.array(Parked) }),
    run: async (call) => {
      const items = await ofEveryService(call, parkedQuery, [scopeOf(call), null]);
      return { status: 200, body: { items } };
    },
  }),
  handleParked('retry', 'Runs a parked key again, in order.'),
  handleParked('drop', 'Gives up the first event of a parked key; the ones behind it go on.'),
  route({
    method: 'GET',
    path: '/projections',
    permission: 'projection:read',
    reach: 'installation',
    summary: 'Lists read models, with how far a rebuild is.',
    answer: z.object({
      items: z.array(
        z.object({
          service: ServiceName,
          name: z.string(),
          generation: z.int(),
          status: projectionsView('config').row.shape.status,
          processed: z.int(),
          total: z.int(),
          message: z.string(),
          updatedAt: time,
        }),
      ),
    }),
    run: async (call) => {
      const items = await ofEveryService(
        call,
        (service) => `select p.name, p.generation, p.status, p.processed, p.total, p.message,
          p.updated_at as "updatedAt" from ${service}_read.projections p order by p.name`,
        [],
      );
      return { status: 200, body: { items } };
    },
  }),
  route({
    method: 'POST',
    path: '/projections/:name/rebuild',
    permission: 'projection:rebuild',
    reach: 'installation',
    summary: 'Builds a read model anew from the log while the old one serves. Its name is <service>.<read model>.',
    params: z.strictObject({ name: ProjectionName }),
    answer: z.record(z.string(), z.json()),
    isCommand: true,
    run: (call, { params }) => {
      const { service, name } = projectionOf(params.name);
      return operate(call, rebuildProjection(service), { name }, platformWorkspace, call.newId);
    },
  }),
  route({
    method: 'DELETE',
    path: '/projections/:name/rebuild',
    permission: 'projection:rebuild',
    reach: 'installation',
    summary: 'Cancels a rebuild that runs; the old read model goes on serving.',
    params: z.strictObject({ name: ProjectionName }),
    answer: z.record(z.string(), z.json()),
    isCommand: true,
    run: (call, { params }) => {
      const { service, name } = projectionOf(params.name);
      return operate(call, cancelRebuild(service), { name }, platformWorkspace, call.newId);
    },
  }),
  route({
    method: 'POST',
    path: '/bus/:service/republish',
    permission: 'bus:republish',
    reach: 'installation',
    summary: "Sends a service's log to the bus again, from a position or from the start.",
    params: z.strictObject({ service: z.string().max(40) }),
    body: z.strictObject({ fromPosition: z.int().min(0).default(0) }).default({ fromPosition: 0 }),
    answer: z.record(z.string(), z.json()),
    isCommand: true,
    run: (call, { params, body }) =>
      operate(call, republishBus(serviceOf(params.service)), body, platformWorkspace, call.newId),
  }),
];

const projectionOf = (full: string) => {
  const [owner = '', name = ''] = full.split('.', 2);
  return { service: serviceOf(owner), name };
};

const serviceOf = (name: string): ServiceName => {
  const service = ServiceName.safeParse(name);
  if (service.success) return service.data;
  const message = `There is no such service; there are ${services.join(', ')}.`;
  throw new HttpProblem({ status: 404, code: 'gateway.not-found', detail: message });
};

const Refused = z.object({ code: z.string(), message: z.string(), errors: z.array(Problem).default([]) });
const Failed = z.object({ message: z.string() });

const operationOf = ({ outcome, ...row }: PlainRow) => {
  const done = z.object({ result: z.record(z.string(), z.unknown()) }).safeParse(outcome);
  const refused = Refused.safeParse(outcome);
  const failed = Failed.safeParse(outcome);
  return {
    ...row,
    result: done.success ? done.data.result : null,
    problem: refused.success
      ? refused.data
      : failed.success
        ? { code: 'gateway.unavailable', message: failed.data.message, errors: [] }
        : null,
  };
};
