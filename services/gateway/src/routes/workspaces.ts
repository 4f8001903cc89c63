import { CreateWorkspace, RenameWorkspace, WorkspaceSlug } from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { isOperator } from '../principal.ts';
import { notFound, oneRow } from '../read-side.ts';
import { type Call, Id, list, route, type Route } from '../route.ts';
import { text, time } from './shapes.ts';

const Workspace = z.object({
  id: z.uuid(),
  slug: WorkspaceSlug,
  name: z.string(),
  version: z.int(),
  createdAt: time,
  updatedAt: time,
});

const columns =
  'w.id, w.workspace as slug, w.name, w.version, w.created_at as "createdAt", w.updated_at as "updatedAt"';

/** A key sees its own workspace; operators of the installation see all of them. */
const visible = (call: Call) => (isOperator(call.principal) ? null : call.workspace);

const find = async (call: Call, id: string) => {
  const rows = await call.world.views(
    `select ${columns} from config_read.workspaces w where w.id = $1 and ($2::text is null or w.workspace = $2)`,
    [id, visible(call)],
  );
  return Workspace.parse(oneRow(rows, 'workspace'));
};

const answer = async (call: Call, id: string, status: number) => {
  const body = await find(call, id);
  return { status, body, headers: { etag: etagOf(body.version) } };
};

const sorts = {
  name: { column: 'w.name', type: 'text' },
  createdAt: { column: 'w.created_at', type: 'timestamptz' },
} as const;
const base = {
  name: 'workspaces',
  columns,
  from: 'config_read.workspaces w',
  key: { column: 'w.id', type: 'uuid' },
  sorts,
  defaultSort: 'name',
  filters: { name: { where: 'w.name = ?', value: text } },
} as const;
const all = listing({ ...base, workspace: null });
const own = listing({ ...base, workspace: 'w.workspace' });

export const workspaces: readonly Route[] = [
  list({
    path: '/workspaces',
    permission: 'workspace:read',
    reach: 'nothing',
    summary: 'Lists the workspaces that this key sees.',
    listing: {
      query: own.query,
      page: (call, query, fixed) => (visible(call) === null ? all : own).page(call, query, fixed),
    },
    item: Workspace,
  }),
  route({
    method: 'POST',
    path: '/workspaces',
    permission: 'workspace:create',
    reach: 'installation',
    summary: 'Creates a workspace. Make a key for it with POST /api-keys and its workspaceId.',
    body: z.strictObject({ slug: WorkspaceSlug, name: z.string().min(1).max(100) }),
    status: 201,
    answer: Workspace,
    isCommand: true,
    run: (call, { body }) => {
      const definition = CreateWorkspace;
      const data = { workspaceId: call.newId, ...body };
      // A workspace's own record begins with its creation.
      const inside = { ...call, workspace: body.slug };
      return call.dispatch.change(inside, {
        definition,
        data,
        resourceId: call.newId,
        done: () => answer(call, call.newId, 201),
      });
    },
  }),
  route({
    method: 'GET',
    path: '/workspaces/:id',
    permission: 'workspace:read',
    reach: 'nothing',
    summary: 'Answers one workspace.',
    params: Id,
    answer: Workspace,
    run: (call, { params }) => answer(call, params.id, 200),
  }),
  route({
    method: 'PATCH',
    path: '/workspaces/:id',
    permission: 'workspace:update',
    reach: 'workspace',
    summary: 'Gives a workspace another display name.',
    params: Id,
    body: z.strictObject({ name: z.string().min(1).max(100) }),
    answer: Workspace,
    isCommand: true,
    run: async (call, { params: { id }, body: { name } }) => {
      const { slug } = await find(call, id);
      if (slug !== call.workspace && !isOperator(call.principal)) throw notFound('workspace');
      const data = {
        workspaceId: id,
        name,
        ...(call.expectedVersion === undefined ? {} : { expectedVersion: call.expectedVersion }),
      };
      return call.dispatch.change(
        { ...call, workspace: slug },
        { definition: RenameWorkspace, data, resourceId: id, done: () => answer(call, id, 200) },
      );
    },
  }),
];
