import {
  CreateOverlay,
  DeleteOverlay,
  Environment,
  LayerPatch,
  ListOverlayTargets,
  OverlayRollout,
  OverlaySchedule,
  OverlayTarget,
  OverlayTargets,
  UpdateOverlay,
} from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, list, route, type Route } from '../route.ts';
import { expected, text, time, uuid } from './shapes.ts';

const Overlay = z.object({
  id: z.uuid(),
  name: z.string(),
  description: z.string(),
  target: OverlayTarget,
  priority: z.int(),
  patch: LayerPatch,
  schedule: OverlaySchedule.nullable(),
  rollout: OverlayRollout.nullable(),
  enabled: z.boolean(),
  isActive: z.boolean().describe('Whether its schedule has it on now; without one it always is.'),
  cohort: z.array(z.uuid()).nullable().describe('The bots of its percentage, in the order of their rank.'),
  version: z.int(),
  createdAt: time,
  updatedAt: time,
});

const columns = `o.id, o.name, o.description, o.target, o.priority, o.patch, o.schedule, o.rollout, o.enabled,
  o.is_active as "isActive", o.cohort, o.version, o.created_at as "createdAt", o.updated_at as "updatedAt"`;

const answer = async (call: Call, id: string, status = 200) => {
  const rows = await call.world.views(
    `select ${columns} from config_read.overlays o where o.workspace = $1 and o.id = $2`,
    [call.workspace, id],
  );
  const body = oneRow(rows, 'overlay');
  return { status, body, headers: { etag: etagOf(Number(body['version'])) } };
};

const Body = CreateOverlay.data.omit({ overlayId: true });
const Patch = UpdateOverlay.data.omit({ overlayId: true, expectedVersion: true });

export const overlayRoutes: readonly Route[] = [
  list({
    path: '/overlays',
    permission: 'overlay:read',
    reach: 'workspace',
    summary: 'Lists overlays, in the order in which they are applied.',
    item: Overlay,
    listing: listing({
      name: 'overlays',
      columns,
      from: 'config_read.overlays o',
      workspace: 'o.workspace',
      key: { column: 'o.id', type: 'uuid' },
      sorts: {
        priority: { column: 'o.priority', type: 'bigint' },
        name: { column: 'o.name', type: 'text' },
        createdAt: { column: 'o.created_at', type: 'timestamptz' },
      },
      defaultSort: 'priority',
      filters: {
        name: { where: 'o.name = ?', value: text },
        enabled: { where: 'o.enabled = ?::boolean', value: z.enum(['true', 'false']) },
        isActive: { where: 'o.is_active = ?::boolean', value: z.enum(['true', 'false']) },
        fleetId: { where: `o.target->>'fleetId' = ?`, value: uuid },
        environment: { where: `o.target->>'environment' = ?`, value: Environment },
      },
    }),
  }),
  change({
    method: 'POST',
    path: '/overlays',
    permission: 'overlay:create',
    reach: 'workspace',
    summary: 'Creates an overlay. Every bot that it changes is judged anew and moved by one change set for each fleet.',
    body: Body,
    status: 201,
    answer: Overlay,
    command: CreateOverlay,
    data: (call, { body }) => ({ ...body, overlayId: call.newId }),
    resourceId: (call) => call.newId,
    done: async (call) => {
      const created = await answer(call, call.newId, 201);
      return { ...created, headers: { ...created.headers, location: `/api/v1/overlays/${call.newId}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/overlays/:id',
    permission: 'overlay:read',
    reach: 'workspace',
    summary: 'Answers one overlay, with what it does at the moment.',
    params: Id,
    answer: Overlay,
    run: (call, { params }) => answer(call, params.id),
  }),
  route({
    method: 'GET',
    path: '/overlays/:id/targets',
    permission: 'overlay:read',
    reach: 'workspace',
    summary:
      'Answers which bots an overlay is for, which of them are in its share, and which run something else by it.',
    params: Id,
    answer: OverlayTargets,
    run: async (call, { params }) => ({
      status: 200,
      body: await call.dispatch.ask(call, ListOverlayTargets, { overlayId: params.id }),
    }),
  }),
  change({
    method: 'PATCH',
    path: '/overlays/:id',
    permission: 'overlay:update',
    reach: 'workspace',
    summary:
      'Changes fields of an overlay, each given whole. Exactly the bots that resolve to something else are moved.',
    params: Id,
    body: Patch,
    answer: Overlay,
    command: UpdateOverlay,
    data: (call, { params, body }) => ({ ...body, overlayId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'DELETE',
    path: '/overlays/:id',
    permission: 'overlay:delete',
    reach: 'workspace',
    summary: 'Deletes an overlay; the bots that it reached go on without it, moved like by any other change of it.',
    params: Id,
    status: 204,
    command: DeleteOverlay,
    data: (call, { params }) => ({ overlayId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  }),
];
