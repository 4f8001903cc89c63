import {
  Actor,
  Environment,
  EvaluateManifest,
  ExplainedLeaf,
  ExplainManifest,
  Explanation,
  Hash,
  Manifest,
  ManifestOrigin,
  Problem,
  ProposeManifest,
  ResolvedManifest,
  RollBackManifest,
  ValidateManifest,
  Verdict,
  Violation,
} from '@molthub/contracts';
import { diff } from '@molthub/manifest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, Id, list, route, type Route } from '../route.ts';
import { ofBot } from './bot-row.ts';
import { manifestOf, ShownManifest } from './manifest-body.ts';
import { expected, time } from './shapes.ts';

const Version = z.object({
  version: z.int(),
  generation: z.int(),
  hash: Hash,
  manifest: Manifest,
  origin: ManifestOrigin,
  reason: z.string(),
  author: Actor,
  changeSetId: z.uuid().nullable(),
  createdAt: time,
});

const columns = `m.version, m.generation, m.hash, m.manifest, m.origin, m.reason, m.author,
  m.change_set_id as "changeSetId", m.created_at as "createdAt"`;

const Number_ = z.string().regex(/^[1-9]\d{0,8}$/, 'the number of a version');

const find = async (call: Call, botId: string, version: string | undefined, more = '') => {
  const rows = await call.world.views(
    `select ${columns}${more} from config_read.manifests m
     where m.workspace = $1 and m.bot_id = $2 and m.version = coalesce($3::int,
       (select b.manifest_version from config_read.bots b where b.workspace = $1 and b.id = $2))`,
    [call.workspace, botId, version ?? null],
  );
  return oneRow(rows, 'manifest version');
};

export const Published = z.object({
  version: z.int(),
  hash: Hash,
  generation: z.int(),
  changeSetId: z.uuid().nullable(),
});

const published = async (result: Readonly<Record<string, unknown>>) => ({ status: 201, body: Published.parse(result) });

const writing: readonly Route[] = [
  change({
    method: 'POST',
    path: '/bot-instances/:id/manifests',
    permission: 'manifest:propose',
    reach: 'subject',
    summary: 'Publishes a new manifest version of a bot, once policy has passed it.',
    params: Id,
    subjects: ofBot,
    body: z.strictObject({ manifest: z.unknown(), reason: z.string().max(500).default('') }),
    bodyShown: z.strictObject({ manifest: ShownManifest, reason: z.string().max(500).default('') }),
    status: 201,
    answer: Published,
    command: ProposeManifest,
    data: (call, { params, body }) => ({
      botId: params.id,
      manifest: manifestOf(body.manifest),
      reason: body.reason,
      ...expected(call.expectedVersion),
    }),
    resourceId: (_, { params }) => params.id,
    done: (_call, _input, result) => published(result),
  }),
  change({
    method: 'POST',
    path: '/bot-instances/:id/rollback',
    permission: 'bot:rollback',
    reach: 'subject',
    summary: 'Publishes the content of an older version again: the one before the current, unless told which.',
    params: Id,
    subjects: ofBot,
    body: z
      .strictObject({ toVersion: z.int().min(1).optional(), reason: z.string().max(500).default('') })
      .default({ reason: '' }),
    status: 201,
    answer: Published,
    command: RollBackManifest,
    data: (call, { params, body }) => ({ botId: params.id, ...body, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (_call, _input, result) => published(result),
  }),
];

const explained = async (call: Call, botId: string, version: number | '' | undefined, path?: string) =>
  Explanation.parse(
    await call.dispatch.ask(call, ExplainManifest, {
      botId,
      ...(version ? { version } : {}),
      ...(path === undefined ? {} : { path }),
    }),
  );

const Difference = z.object({ path: z.string(), before: z.json().nullable(), after: z.json().nullable() });

const Exported = z.object({ manifest: Manifest, fleetName: z.string() });

const reading: readonly Route[] = [
  list({
    path: '/bot-instances/:id/manifests',
    permission: 'manifest:read',
    reach: 'subject',
    summary: "Lists a bot's manifest versions, newest first.",
    params: Id,
    subjects: ofBot,
    item: Version,
    fixed: ({ id }) => ({ botInstanceId: id }),
    listing: listing({
      name: 'manifests',
      columns,
      from: 'config_read.manifests m',
      workspace: 'm.workspace',
      key: { column: 'm.version', type: 'bigint' },
      sorts: { version: { column: 'm.version', type: 'bigint' } },
      defaultSort: '-version',
      filters: { origin: { where: 'm.origin = ?', value: ManifestOrigin } },
      fixed: { botInstanceId: 'm.bot_id = ?' },
    }),
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id/manifests/diff',
    permission: 'manifest:read',
    reach: 'subject',
    summary: 'Answers how two versions of a manifest differ.',
    params: Id,
    query: z.strictObject({ from: Number_, to: Number_ }),
    subjects: ofBot,
    answer: z.object({ from: z.int(), to: z.int(), differences: z.array(Difference) }),
    run: async (call, { params, query }) => {
      const [from, to] = await Promise.all([find(call, params.id, query.from), find(call, params.id, query.to)]);
      const differences = diff(from['manifest'], to['manifest']).map(({ path, before, after }) => ({
        path,
        before: before ?? null,
        after: after ?? null,
      }));
      return { status: 200, body: { from: Number(query.from), to: Number(query.to), differences } };
    },
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id/manifests/export',
    permission: 'manifest:read',
    reach: 'subject',
    summary: 'Answers a manifest as a document for `molthub apply -f`: YAML, or JSON with format=json.',
    params: Id,
    query: z.strictObject({ version: Number_.optional(), format: z.enum(['yaml', 'json']).default('yaml') }),
    subjects: ofBot,
    answer: Manifest,
    contentType: 'application/yaml',
    run: async (call, { params, query }) => {
      const more = ', (select b.fleet_name from config_read.bots b where b.id = m.bot_id) as "fleetName"';
      const found = Exported.parse(await find(call, params.id, query.version, more));
      const { metadata, ...rest } = found.manifest;
      // A bot may have been proposed without the name of its fleet, which a document has to say.
      const manifest = { ...rest, metadata: { ...metadata, fleet: found.fleetName } };
      if (query.format === 'json') return { status: 200, body: manifest };
      return { status: 200, body: stringify(manifest), contentType: 'application/yaml; charset=utf-8' };
    },
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id/manifests/:version',
    permission: 'manifest:read',
    reach: 'subject',
    summary: 'Answers one manifest version.',
    params: z.strictObject({ id: z.uuid(), version: Number_ }),
    subjects: ofBot,
    answer: Version,
    run: async (call, { params }) => ({ status: 200, body: await find(call, params.id, params.version) }),
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id/resolved',
    permission: 'manifest:read',
    reach: 'subject',
    summary:
      'Answers what a bot is to run: its manifest after secure defaults; with provenance=true, where each value is from.',
    params: Id,
    query: z.strictObject({ provenance: z.enum(['true', 'false']).default('false'), version: Number_.optional() }),
    subjects: ofBot,
    answer: z.object({
      version: z.int(),
      generation: z.int(),
      hash: Hash,
      resolved: ResolvedManifest,
      provenance: z.array(ExplainedLeaf.omit({ value: true }).extend({ changeSetId: z.uuid().nullable() })).optional(),
    }),
    run: async (call, { params, query }) => {
      const row = await find(call, params.id, query.version, ', m.resolved');
      const { version, generation, hash, resolved } = row;
      const body = { version, generation, hash, resolved };
      if (query.provenance === 'false') return { status: 200, body };
      const { leaves, changeSetId } = await explained(call, params.id, Number(version));
      return {
        status: 200,
        body: { ...body, provenance: leaves.map(({ value: _, ...leaf }) => ({ ...leaf, changeSetId })) },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/bot-instances/:id/explain',
    permission: 'manifest:read',
    reach: 'subject',
    summary:
      'Answers why a value of what a bot is to run is there: its layer, version and author. `path` takes all below it.',
    params: Id,
    query: z.strictObject({ path: z.string().min(1).max(300).optional(), version: Number_.optional() }),
    subjects: ofBot,
    answer: Explanation,
    run: async (call, { params, query }) => ({
      status: 200,
      body: await explained(call, params.id, query.version && Number(query.version), query.path),
    }),
  }),
];

const Checked = z.object({
  valid: z.boolean(),
  errors: z.array(Problem),
  hash: Hash.nullable(),
  resolved: ResolvedManifest.nullable(),
});
const ToValidate = { environment: Environment.optional() };
const validating: readonly Route[] = [
  route({
    method: 'POST',
    path: '/manifests/validate',
    permission: 'manifest:validate',
    reach: 'nothing',
    summary: 'Checks a manifest as a proposal would be checked, by policy too, and records nothing.',
    body: z.strictObject({ manifest: z.json(), ...ToValidate }),
    bodyShown: z.strictObject({ manifest: ShownManifest, ...ToValidate }),
    answer: Checked.extend({
      violations: z.array(Violation).describe('What policy denies, which errors tell too, each with its pack.'),
      warnings: z.array(Violation),
    }),
    run: async (call, { body }) => {
      const checked = Checked.parse(await call.dispatch.ask(call, ValidateManifest, body));
      // What is no manifest cannot be judged, and is told to be none.
      if (!checked.valid) return { status: 200, body: { ...checked, violations: [], warnings: [] } };
      const judged = { ...body, manifest: z.json().parse(checked.resolved) };
      const verdict = Verdict.parse(await call.dispatch.ask(call, EvaluateManifest, judged));
      const { valid, violations, warnings } = verdict;
      const errors = violations.map(({ path, ruleId, message }) => ({ path, code: ruleId, message }));
      return { status: 200, body: { ...checked, valid, errors, violations, warnings } };
    },
  }),
];

export const manifestRoutes: readonly Route[] = [...writing, ...reading, ...validating];
