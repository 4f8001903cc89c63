import { CreateWaiver, DeleteWaiver, PackId, WaiverScope, WaiverStatus } from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, list, route, type Route } from '../route.ts';
import { expected, text, time, uuid } from './shapes.ts';

const Waiver = z.object({
  id: z.uuid(),
  name: z.string(),
  packId: PackId,
  ruleId: z.string(),
  scope: WaiverScope,
  owner: z.string(),
  reason: z.string(),
  expiresAt: time,
  status: WaiverStatus,
  createdBy: z.string(),
  createdAt: time,
  endedAt: time.nullable(),
});

const columns = `w.id, w.name, w.pack_id as "packId", w.rule_id as "ruleId",
  case when w.bot_id is not null then jsonb_build_object('botInstanceId', w.bot_id)
    when w.fleet_id is not null then jsonb_build_object('fleetId', w.fleet_id)
    else jsonb_build_object('selector', w.selector) end as scope,
  w.owner, w.reason, w.expires_at as "expiresAt", w.status, w.created_by as "createdBy", w.created_at as "createdAt",
  w.ended_at as "endedAt"`;

const Row = Waiver.extend({ version: z.int() });

const answer = async (call: Call, id: string, status = 200) => {
  const rows = await call.world.views(
    `select ${columns}, w.version from policy_read.waivers w where w.workspace = $1 and w.id = $2`,
    [call.workspace, id],
  );
  const { version, ...body } = Row.parse(oneRow(rows, 'waiver'));
  return { status, body, headers: { etag: etagOf(version) } };
};

const Body = CreateWaiver.data.omit({ waiverId: true });

export const waiverRoutes: readonly Route[] = [
  list({
    path: '/policy/waivers',
    permission: 'policy:read',
    reach: 'workspace',
    summary: 'Lists waivers, those that end next first; also those that ended.',
    item: Waiver,
    listing: listing({
      name: 'waivers',
      columns,
      from: 'policy_read.waivers w',
      workspace: 'w.workspace',
      key: { column: 'w.id', type: 'uuid' },
      sorts: {
        expiresAt: { column: 'w.expires_at', type: 'timestamptz' },
        createdAt: { column: 'w.created_at', type: 'timestamptz' },
        name: { column: 'w.name', type: 'text' },
      },
      defaultSort: 'expiresAt',
      filters: {
        name: { where: 'w.name = ?', value: text },
        status: { where: 'w.status = ?', value: WaiverStatus },
        packId: { where: 'w.pack_id = ?', value: PackId },
        ruleId: { where: 'w.rule_id = ?', value: text },
        botInstanceId: { where: 'w.bot_id = ?::uuid', value: uuid },
        fleetId: { where: 'w.fleet_id = ?::uuid', value: uuid },
      },
    }),
  }),
  change({
    method: 'POST',
    path: '/policy/waivers',
    permission: 'policy:waive',
    reach: 'workspace',
    summary: 'Lets a bot, a fleet or the bots with some labels break one rule until a time, for a reason.',
    body: Body,
    subjects: ({ body: { scope } }) => {
      if ('botInstanceId' in scope) return [{ kind: 'bot', id: scope.botInstanceId }];
      return 'fleetId' in scope ? [{ kind: 'fleet', id: scope.fleetId }] : [];
    },
    status: 201,
    answer: Waiver,
    command: CreateWaiver,
    data: (call, { body }) => ({ ...body, waiverId: call.newId }),
    resourceId: (call) => call.newId,
    done: async (call) => {
      const created = await answer(call, call.newId, 201);
      return { ...created, headers: { ...created.headers, location: `/api/v1/policy/waivers/${call.newId}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/policy/waivers/:id',
    permission: 'policy:read',
    reach: 'workspace',
    summary: 'Answers one waiver.',
    params: Id,
    answer: Waiver,
    run: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'DELETE',
    path: '/policy/waivers/:id',
    permission: 'policy:waive',
    reach: 'workspace',
    summary: 'Ends a waiver before its time; what it waived violates again.',
    params: Id,
    status: 204,
    command: DeleteWaiver,
    data: (call, { params }) => ({ waiverId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  }),
];
