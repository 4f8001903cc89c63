import {
  allows,
  CreateApiKey,
  type Permission,
  permissions,
  RevokeApiKey,
  Role,
  roles,
  Scope,
} from '@molthub/contracts';
import { HttpProblem } from '@molthub/http';
import { z } from 'zod';
import { formatKey, keyFor, storeKey } from '../api-key/secret.ts';
import { listing } from '../listing.ts';
import { forbidden, isOperator, type Principal } from '../principal.ts';
import { notFound, oneRow } from '../read-side.ts';
import { type Call, Id, list, route, type Route } from '../route.ts';
import { text, time } from './shapes.ts';

const ApiKey = z.object({
  id: z.uuid(),
  name: z.string(),
  role: Role,
  scopes: z.array(z.string()),
  fleetIds: z.array(z.uuid()),
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  createdBy: z.string(),
  createdAt: time,
});

const columns = `k.id, k.name, k.role, k.scopes, k.fleet_ids as "fleetIds", k.expires_at as "expiresAt",
  k.revoked_at as "revokedAt", k.created_by as "createdBy", k.created_at as "createdAt"`;

const find = async (call: Call, workspace: string, id: string) => {
  const rows = await call.world.views(
    `select ${columns} from gateway_read.api_keys k where k.workspace = $1 and k.id = $2`,
    [workspace, id],
  );
  return ApiKey.parse(oneRow(rows, 'API key'));
};

const Body = z.strictObject({
  name: z.string().min(1).max(100),
  role: Role,
  scopes: z.array(Scope).max(100).default([]),
  fleetIds: z.array(z.uuid()).max(100).default([]),
  expiresAt: z.iso.datetime().nullable().default(null),
  workspaceId: z.uuid().optional(),
});
type Body = z.infer<typeof Body>;

export const apiKeys: readonly Route[] = [
  list({
    path: '/api-keys',
    permission: 'api-key:read',
    reach: 'workspace',
    summary: 'Lists API keys, without anything that could be used as one.',
    item: ApiKey,
    listing: listing({
      name: 'api-keys',
      columns,
      from: 'gateway_read.api_keys k',
      workspace: 'k.workspace',
      key: { column: 'k.id', type: 'uuid' },
      sorts: {
        createdAt: { column: 'k.created_at', type: 'timestamptz' },
        name: { column: 'k.name', type: 'text' },
      },
      defaultSort: '-createdAt',
      filters: { name: { where: 'k.name = ?', value: text }, role: { where: 'k.role = ?', value: Role } },
    }),
  }),
  route({
    method: 'POST',
    path: '/api-keys',
    permission: 'api-key:create',
    reach: 'nothing',
    summary: 'Makes an API key. The key is in this answer and nowhere else.',
    body: Body,
    status: 201,
    answer: ApiKey.extend({ key: z.string() }),
    secretAnswer: true,
    run: async (call, { body }) => {
      const workspace = await workspaceOf(call, body);
      checkReach(call.principal, body);
      await checkFleets(call, workspace, body.fleetIds);
      if (body.expiresAt !== null && Date.parse(body.expiresAt) <= Date.now()) throw alreadyExpired();
      const key = keyFor(call.world.secret, call.commandId);
      const { workspaceId: _, ...data } = body;
      await call.dispatch.own(
        call,
        CreateApiKey,
        { ...data, keyId: call.newId },
        { workspace, alongside: storeKey(call.newId, key) },
      );
      return { status: 201, body: { ...(await find(call, workspace, call.newId)), key: formatKey(key) } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/api-keys/:id',
    permission: 'api-key:revoke',
    reach: 'workspace',
    summary: 'Revokes an API key; its requests and streams end within a second.',
    params: Id,
    status: 204,
    run: async (call, { params }) => {
      const key = await find(call, call.workspace, params.id);
      if (roles.indexOf(key.role) < roles.indexOf(call.principal.role)) {
        throw forbidden(`A key of role ${call.principal.role} may not revoke one of role ${key.role}.`);
      }
      await call.dispatch.own(call, RevokeApiKey, { keyId: params.id });
      return { status: 204 };
    },
  }),
];

/** The workspace that the key is for: the caller's own, or any for the installation's operators. */
const workspaceOf = async (call: Call, { workspaceId }: Body): Promise<string> => {
  if (workspaceId === undefined) return call.workspace;
  const rows = await call.world.views('select workspace from config_read.workspaces where id = $1', [workspaceId]);
  const slug = rows[0] ? z.object({ workspace: z.string() }).parse(rows[0]).workspace : undefined;
  if (slug === undefined || (slug !== call.workspace && !isOperator(call.principal))) throw notFound('workspace');
  return slug;
};

/** Nobody makes a key that may do more than their own, or for longer. */
const checkReach = (principal: Principal, body: Body): void => {
  if (roles.indexOf(body.role) < roles.indexOf(principal.role)) {
    throw forbidden(`A key of role ${principal.role} may not make one of role ${body.role}.`);
  }
  const exceeding = permissionsOf(body.role, body.scopes).find((p) => !allows(principal.role, principal.scopes, p));
  if (exceeding) throw forbidden(`This key may not do ${exceeding} itself; name scopes that it has.`);
  const { fleetIds } = principal;
  if (fleetIds.length > 0 && (body.fleetIds.length === 0 || body.fleetIds.some((id) => !fleetIds.includes(id)))) {
    throw forbidden('This key is for some fleets only; name fleetIds among them.');
  }
  const { expiresAt } = principal;
  if (expiresAt && (body.expiresAt === null || Date.parse(body.expiresAt) > expiresAt.getTime())) {
    throw outlives(expiresAt.toISOString());
  }
};

const isPermission = (name: string): name is Permission => name in permissions;
const permissionsOf = (role: Role, scopes: readonly string[]): readonly Permission[] =>
  Object.keys(permissions)
    .filter(isPermission)
    .filter((permission) => allows(role, scopes, permission));

const checkFleets = async (call: Call, workspace: string, fleetIds: readonly string[]): Promise<void> => {
  if (fleetIds.length === 0) return;
  const rows = await call.world.views(
    'select id from config_read.fleets where workspace = $1 and id = any($2::uuid[])',
    [workspace, [...fleetIds]],
  );
  const known = new Set(rows.map((row) => String(row['id'])));
  const errors = fleetIds.flatMap((id, index) =>
    known.has(id) ? [] : [{ path: `fleetIds.${index}`, code: 'not-found', message: 'there is no such fleet' }],
  );
  if (errors.length > 0) {
    throw new HttpProblem({
      status: 400,
      code: 'gateway.invalid-request',
      detail: 'Some fleetIds are not known.',
      errors,
    });
  }
};

const outlives = (end: string) =>
  new HttpProblem({
    status: 403,
    code: 'gateway.forbidden',
    detail: `This key ends at ${end}; name an expiresAt that is not later.`,
    errors: [{ path: 'expiresAt', code: 'too-late', message: `must not be later than ${end}` }],
  });

const alreadyExpired = () =>
  new HttpProblem({
    status: 400,
    code: 'gateway.invalid-request',
    detail: 'expiresAt must be in the future.',
    errors: [{ path: 'expiresAt', code: 'in-the-past', message: 'must be in the future' }],
  });
