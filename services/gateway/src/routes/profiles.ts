import { CreateProfile, DeleteProfile, LayerPatch, MergeStrategy, UpdateProfile } from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, list, route, type Route } from '../route.ts';
import { expected, text, time, uuid } from './shapes.ts';

const Profile = z.object({
  id: z.uuid(),
  name: z.string(),
  description: z.string(),
  fleetIds: z.array(z.uuid()),
  priority: z.int(),
  defaults: LayerPatch,
  strategies: z.record(z.string(), MergeStrategy),
  lockedFields: z.array(z.string()),
  allowInstanceOverrides: z.boolean(),
  isActive: z.boolean(),
  version: z.int(),
  createdAt: time,
  updatedAt: time,
});

const columns = `p.id, p.name, p.description, p.fleet_ids as "fleetIds", p.priority, p.defaults, p.strategies,
  p.locked_fields as "lockedFields", p.allow_instance_overrides as "allowInstanceOverrides", p.is_active as "isActive",
  p.version, p.created_at as "createdAt", p.updated_at as "updatedAt"`;

const answer = async (call: Call, id: string, status = 200) => {
  const rows = await call.world.views(
    `select ${columns} from config_read.profiles p where p.workspace = $1 and p.id = $2`,
    [call.workspace, id],
  );
  const body = oneRow(rows, 'profile');
  return { status, body, headers: { etag: etagOf(Number(body['version'])) } };
};

const Body = CreateProfile.data.omit({ profileId: true });
const Patch = UpdateProfile.data.omit({ profileId: true, expectedVersion: true });

export const profileRoutes: readonly Route[] = [
  list({
    path: '/profiles',
    permission: 'profile:read',
    reach: 'workspace',
    summary: 'Lists profiles, in the order in which they are applied.',
    item: Profile,
    listing: listing({
      name: 'profiles',
      columns,
      from: 'config_read.profiles p',
      workspace: 'p.workspace',
      key: { column: 'p.id', type: 'uuid' },
      sorts: {
        priority: { column: 'p.priority', type: 'bigint' },
        name: { column: 'p.name', type: 'text' },
        createdAt: { column: 'p.created_at', type: 'timestamptz' },
      },
      defaultSort: 'priority',
      filters: {
        name: { where: 'p.name = ?', value: text },
        isActive: { where: 'p.is_active = ?::boolean', value: z.enum(['true', 'false']) },
        fleetId: {
          where: `p.fleet_ids = '[]' or p.fleet_ids @> to_jsonb(array[?::text])`,
          value: uuid,
        },
      },
    }),
  }),
  change({
    method: 'POST',
    path: '/profiles',
    permission: 'profile:create',
    reach: 'workspace',
    summary: 'Creates a profile. Every bot that it changes is judged anew and moved by one change set for each fleet.',
    body: Body,
    status: 201,
    answer: Profile,
    command: CreateProfile,
    data: (call, { body }) => ({ ...body, profileId: call.newId }),
    resourceId: (call) => call.newId,
    done: async (call) => {
      const created = await answer(call, call.newId, 201);
      return { ...created, headers: { ...created.headers, location: `/api/v1/profiles/${call.newId}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/profiles/:id',
    permission: 'profile:read',
    reach: 'workspace',
    summary: 'Answers one profile.',
    params: Id,
    answer: Profile,
    run: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'PATCH',
    path: '/profiles/:id',
    permission: 'profile:update',
    reach: 'workspace',
    summary:
      'Changes fields of a profile, each given whole. Exactly the bots that resolve to something else are moved.',
    params: Id,
    body: Patch,
    answer: Profile,
    command: UpdateProfile,
    data: (call, { params, body }) => ({ ...body, profileId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'DELETE',
    path: '/profiles/:id',
    permission: 'profile:delete',
    reach: 'workspace',
    summary: 'Deletes a profile; the bots that it reached go on without it, moved like by any other change of it.',
    params: Id,
    status: 204,
    command: DeleteProfile,
    data: (call, { params }) => ({ profileId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  }),
];
