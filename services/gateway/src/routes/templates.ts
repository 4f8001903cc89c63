import {
  ConfigurableField,
  CreateTemplate,
  DeleteTemplate,
  EvaluateManifest,
  Hash,
  LayerPatch,
  Manifest,
  PreviewTemplate,
  Problem,
  RequiredSecret,
  ResolvedManifest,
  TemplateCategory,
  TemplateId,
  UpdateTemplate,
  Verdict,
  Violation,
} from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, list, route, type Route } from '../route.ts';
import { expected, text, time } from './shapes.ts';

const Template = z.object({
  id: TemplateId,
  name: z.string(),
  description: z.string(),
  category: TemplateCategory,
  engine: z.string().nullable(),
  configurableFields: z.array(ConfigurableField),
  requiredSecrets: z.array(RequiredSecret),
  manifest: LayerPatch,
  isBuiltin: z.boolean(),
  version: z.int(),
  createdAt: time.nullable(),
  updatedAt: time.nullable(),
});

const columns = `t.id, t.name, t.description, t.category, t.engine, t.configurable_fields as "configurableFields",
  t.required_secrets as "requiredSecrets", t.manifest, t.is_builtin as "isBuiltin", t.version,
  t.created_at as "createdAt", t.updated_at as "updatedAt"`;

const answer = async (call: Call, id: string, status = 200) => {
  const rows = await call.world.views(
    `select ${columns} from config_read.templates t where (t.workspace = $1 or t.workspace is null) and t.id = $2`,
    [call.workspace, id],
  );
  const body = Template.parse(oneRow(rows, 'template'));
  // What comes with Molthub has no stream, and cannot be changed.
  return { status, body, headers: body.isBuiltin ? {} : { etag: etagOf(body.version) } };
};

const Id = z.strictObject({ id: TemplateId });
const Preview = z.object({
  valid: z.boolean(),
  errors: z.array(Problem),
  manifest: Manifest.nullable().describe('What to create the bot with.'),
  resolved: ResolvedManifest.nullable(),
  hash: Hash.nullable(),
});

const Body = CreateTemplate.data.omit({ templateId: true });
const Patch = UpdateTemplate.data.omit({ templateId: true, expectedVersion: true });

export const templateRoutes: readonly Route[] = [
  list({
    path: '/templates',
    permission: 'template:read',
    reach: 'nothing',
    summary: 'Lists templates: those that come with Molthub first, then the workspace’s own, by their name.',
    item: Template,
    listing: listing({
      name: 'templates',
      columns,
      from: 'config_read.templates t',
      workspace: 't.workspace',
      isShared: true,
      key: { column: 't.id', type: 'text' },
      sorts: {
        order: { column: `(not t.is_builtin)::int || t.name`, type: 'text' },
        name: { column: 't.name', type: 'text' },
      },
      defaultSort: 'order',
      filters: {
        name: { where: 't.name = ?', value: text },
        category: { where: 't.category = ?', value: TemplateCategory },
        isBuiltin: { where: 't.is_builtin = ?::boolean', value: z.enum(['true', 'false']) },
      },
    }),
  }),
  change({
    method: 'POST',
    path: '/templates',
    permission: 'template:create',
    reach: 'workspace',
    summary: 'Creates a template that bots can be built from.',
    body: Body,
    status: 201,
    answer: Template,
    command: CreateTemplate,
    data: (call, { body }) => ({ ...body, templateId: call.newId }),
    resourceId: (call) => call.newId,
    done: async (call) => {
      const created = await answer(call, call.newId, 201);
      return { ...created, headers: { ...created.headers, location: `/api/v1/templates/${call.newId}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/templates/:id',
    permission: 'template:read',
    reach: 'nothing',
    summary: 'Answers one template.',
    params: Id,
    answer: Template,
    run: (call, { params }) => answer(call, params.id),
  }),
  route({
    method: 'POST',
    path: '/templates/:id/preview',
    permission: 'template:preview',
    reach: 'workspace',
    summary: 'Answers what a bot of a template would run in a fleet, judged by policy too, and records nothing.',
    params: Id,
    body: PreviewTemplate.data.omit({ templateId: true }).prefault({}),
    answer: Preview.extend({ warnings: z.array(Violation) }),
    run: async (call, { params, body }) => {
      const preview = Preview.parse(await call.dispatch.ask(call, PreviewTemplate, { ...body, templateId: params.id }));
      if (!preview.resolved) return { status: 200, body: { ...preview, warnings: [] } };
      const { environment } = preview.resolved.metadata;
      const judged = { manifest: z.json().parse(preview.resolved), ...(environment ? { environment } : {}) };
      const verdict = Verdict.parse(await call.dispatch.ask(call, EvaluateManifest, judged));
      const errors = verdict.violations.map(({ path, ruleId, message }) => ({ path, code: ruleId, message }));
      return { status: 200, body: { ...preview, valid: verdict.valid, errors, warnings: verdict.warnings } };
    },
  }),
  change({
    method: 'PATCH',
    path: '/templates/:id',
    permission: 'template:update',
    reach: 'workspace',
    summary:
      'Changes fields of a template, each given whole. Exactly the bots that resolve to something else are moved.',
    params: Id,
    body: Patch,
    answer: Template,
    command: UpdateTemplate,
    data: (call, { params, body }) => ({ ...body, templateId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'DELETE',
    path: '/templates/:id',
    permission: 'template:delete',
    reach: 'workspace',
    summary: 'Deletes a template that no bot is built from.',
    params: Id,
    status: 204,
    command: DeleteTemplate,
    data: (call, { params }) => ({ templateId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  }),
];
