import {
  ChangePack,
  Conflicts,
  CreatePack,
  DeletePack,
  DryRun,
  DryRunPack,
  Environment,
  EvaluateManifest,
  Evaluation,
  FindConflicts,
  PackId,
  PackInput,
  PolicyRule,
  RuleAction,
  Severity,
  WaivedBy,
} from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { oneRow } from '../read-side.ts';
import { type Call, change, list, route, type Route } from '../route.ts';
import { ShownManifest } from './manifest-body.ts';
import { expected, text, time, uuid } from './shapes.ts';

const Pack = z.object({
  id: PackId,
  name: z.string(),
  description: z.string(),
  priority: z.int(),
  targetEnvironments: z.array(Environment),
  targetTags: z.record(z.string(), z.string()),
  isEnforced: z.boolean(),
  autoApply: z.boolean(),
  isActive: z.boolean(),
  isBuiltin: z.boolean(),
  rules: z.array(PolicyRule),
  version: z.string().describe('What verdicts call it.'),
  createdAt: time.nullable(),
  updatedAt: time.nullable(),
});

const columns = `p.id, p.name, p.description, p.priority, p.target_environments as "targetEnvironments",
  p.target_tags as "targetTags", p.is_enforced as "isEnforced", p.auto_apply as "autoApply", p.is_active as "isActive",
  p.is_builtin as "isBuiltin", p.rules, p.version, p.created_at as "createdAt", p.updated_at as "updatedAt"`;

const Row = Pack.extend({ streamVersion: z.int() });

const answer = async (call: Call, id: string, status = 200) => {
  const rows = await call.world.views(
    `select ${columns}, p.stream_version as "streamVersion" from policy_read.packs p
     where (p.workspace = $1 or p.workspace is null) and p.id = $2`,
    [call.workspace, id],
  );
  const { streamVersion, ...body } = Row.parse(oneRow(rows, 'policy pack'));
  // What comes with Molthub has no stream, and cannot be changed.
  return { status, body, headers: body.isBuiltin ? {} : { etag: etagOf(streamVersion) } };
};

const Id = z.strictObject({ id: PackId });
const Body = CreatePack.data.omit({ packId: true });
const Patch = ChangePack.data.omit({ packId: true, expectedVersion: true });

const packs: readonly Route[] = [
  list({
    path: '/policy-packs',
    permission: 'policy:read',
    reach: 'nothing',
    summary: 'Lists policy packs: those that come with Molthub first, then the workspace’s own, by their priority.',
    item: Pack,
    listing: listing({
      name: 'policy-packs',
      columns,
      from: 'policy_read.packs p',
      workspace: 'p.workspace',
      isShared: true,
      key: { column: 'p.id', type: 'text' },
      sorts: {
        order: { column: '((not p.is_builtin)::int * 10000 - p.priority)', type: 'bigint' },
        name: { column: 'p.name', type: 'text' },
        priority: { column: 'p.priority', type: 'bigint' },
      },
      defaultSort: 'order',
      filters: {
        name: { where: 'p.name = ?', value: text },
        isActive: { where: 'p.is_active = ?::boolean', value: z.enum(['true', 'false']) },
        isBuiltin: { where: 'p.is_builtin = ?::boolean', value: z.enum(['true', 'false']) },
      },
    }),
  }),
  change({
    method: 'POST',
    path: '/policy-packs',
    permission: 'policy:create',
    reach: 'workspace',
    summary: 'Creates a policy pack; from then on it judges the bots that it targets.',
    body: Body,
    status: 201,
    answer: Pack,
    command: CreatePack,
    data: (call, { body }) => ({ ...body, packId: call.newId }),
    resourceId: (call) => call.newId,
    done: async (call) => {
      const created = await answer(call, call.newId, 201);
      return { ...created, headers: { ...created.headers, location: `/api/v1/policy-packs/${call.newId}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/policy-packs/:id',
    permission: 'policy:read',
    reach: 'nothing',
    summary: 'Answers one policy pack with its rules.',
    params: Id,
    answer: Pack,
    run: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'PATCH',
    path: '/policy-packs/:id',
    permission: 'policy:update',
    reach: 'workspace',
    summary: 'Changes fields of a policy pack of the workspace; rules are given whole.',
    params: Id,
    body: Patch,
    answer: Pack,
    command: ChangePack,
    data: (call, { params, body }) => ({ ...body, packId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: (call, { params }) => answer(call, params.id),
  }),
  change({
    method: 'DELETE',
    path: '/policy-packs/:id',
    permission: 'policy:delete',
    reach: 'workspace',
    summary: 'Deletes a policy pack of the workspace.',
    params: Id,
    status: 204,
    command: DeletePack,
    data: (call, { params }) => ({ packId: params.id, ...expected(call.expectedVersion) }),
    resourceId: (_, { params }) => params.id,
    done: async () => ({ status: 204 }),
  }),
];

const rest = {
  policyPackId: PackId.optional(),
  policyPack: PackInput.optional().describe('A pack that is only sent: judged as if it were saved.'),
  environment: Environment.optional(),
};

const judging: readonly Route[] = [
  route({
    method: 'POST',
    path: '/policy-packs/evaluate',
    permission: 'policy:evaluate',
    reach: 'nothing',
    summary: 'Judges any manifest, by every pack that applies, the one named or the one sent, and records nothing.',
    body: z.strictObject({ manifest: z.json(), ...rest }),
    bodyShown: z.strictObject({ manifest: ShownManifest, ...rest }),
    answer: Evaluation,
    run: async (call, { body }) => ({ status: 200, body: await call.dispatch.ask(call, EvaluateManifest, body) }),
  }),
  route({
    method: 'GET',
    path: '/policy-packs/conflicts',
    permission: 'policy:read',
    reach: 'nothing',
    summary: 'Answers which rules of different packs cannot both hold, or treat the same thing differently.',
    answer: Conflicts,
    run: async (call) => ({ status: 200, body: await call.dispatch.ask(call, FindConflicts, {}) }),
  }),
  route({
    method: 'POST',
    path: '/policy-packs/:id/dry-run',
    permission: 'policy:dry-run',
    reach: 'workspace',
    summary: 'Answers which bots would break by a pack, switched on or not, as they are to run now. Records nothing.',
    params: Id,
    answer: DryRun,
    run: async (call, { params }) => ({
      status: 200,
      body: await call.dispatch.ask(call, DryRunPack, { packId: params.id }),
    }),
  }),
];

const Found = z.object({
  botInstanceId: z.uuid(),
  botName: z.string(),
  fleetId: z.uuid(),
  packId: z.string(),
  ruleId: z.string(),
  severity: Severity,
  action: RuleAction,
  path: z.string(),
  message: z.string(),
  currentValue: z.json(),
  suggestedValue: z.json(),
  overrideReason: z.string().nullable(),
  waivedBy: WaivedBy.nullable(),
  evaluatedAt: time,
});

const violations = list({
  path: '/policy/violations',
  permission: 'policy:read',
  reach: 'filtered',
  summary: 'Lists what the newest verdict on each bot found, also where it only warned or was overridden.',
  item: Found,
  listing: listing({
    name: 'violations',
    columns: `v.bot_id as "botInstanceId", b.name as "botName", v.fleet_id as "fleetId", v.pack_id as "packId",
      v.rule_id as "ruleId", v.severity, v.action, v.path, v.message, v.current_value as "currentValue",
      v.suggested_value as "suggestedValue", v.override_reason as "overrideReason", v.waived_by as "waivedBy",
      v.evaluated_at as "evaluatedAt"`,
    // Bots that exist: what was refused to be one, or is retired, violates nothing.
    from: 'policy_read.violations v join config_read.bots b on b.id = v.bot_id',
    workspace: 'v.workspace',
    fleet: 'v.fleet_id',
    key: { column: 'v.id', type: 'text' },
    sorts: {
      bot: { column: 'b.name', type: 'text' },
      evaluatedAt: { column: 'v.evaluated_at', type: 'timestamptz' },
      pack: { column: 'v.pack_id', type: 'text' },
      rule: { column: 'v.rule_id', type: 'text' },
    },
    defaultSort: 'bot',
    filters: {
      botInstanceId: { where: 'v.bot_id = ?::uuid', value: uuid },
      fleetId: { where: 'v.fleet_id = ?::uuid', value: uuid },
      packId: { where: 'v.pack_id = ?', value: PackId },
      ruleId: { where: 'v.rule_id = ?', value: text },
      severity: { where: 'v.severity = ?', value: Severity },
      action: { where: 'v.action = ?', value: RuleAction },
    },
  }),
});

export const policyRoutes: readonly Route[] = [...packs, ...judging, violations];
