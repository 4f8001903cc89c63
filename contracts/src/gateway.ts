// gateway owns keys, ingest tokens and operations, and says which requests it turned away.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, Problem, WorkspaceSlug } from './message.ts';
import { Role, Scope } from './permission.ts';

export const ApiKeyCreated = defineEvent(
  'gateway.api-key.created.v1',
  'A key exists. Only its hash is kept, outside events.',
  z.object({
    keyId: z.uuid(),
    name: z.string(),
    role: Role,
    scopes: z.array(Scope),
    fleetIds: z.array(z.uuid()),
    expiresAt: z.iso.datetime().nullable(),
  }),
);
export const ApiKeyRevoked = defineEvent(
  'gateway.api-key.revoked.v1',
  'A key works no more.',
  z.object({ keyId: z.uuid() }),
);
export const IngestTokenIssued = defineEvent(
  'gateway.ingest-token.issued.v1',
  'A bot may send spans with a token of this id until it expires.',
  z.object({ tokenId: z.uuid(), botId: z.uuid(), expiresAt: z.iso.datetime() }),
);
export const IngestTokenRevoked = defineEvent(
  'gateway.ingest-token.revoked.v1',
  'A token works no more.',
  z.object({ tokenId: z.uuid(), botId: z.uuid() }),
);
export const SigningKeyPublished = defineEvent(
  'gateway.signing-key.published.v1',
  'Ingest tokens signed with this key are good; only its public half is here.',
  z.object({ keyId: z.string(), publicKey: z.record(z.string(), z.string()) }),
);
export const RequestRefused = defineEvent(
  'gateway.request.refused.v1',
  'A request changed nothing: a rule, a policy, its own form or a version said no.',
  z.object({
    method: z.string(),
    route: z.string(),
    status: z.int(),
    code: z.string(),
    message: z.string(),
    errors: z.array(Problem),
    resourceId: z.string().nullable(),
    address: z.string(),
  }),
);
export const RequestDenied = defineEvent(
  'gateway.request.denied.v1',
  'Requests without a right: 401 counted per address and minute, 403 one by one.',
  z.object({
    status: z.union([z.literal(401), z.literal(403)]),
    route: z.string(),
    permission: z.string().nullable(),
    address: z.string(),
    count: z.int().min(1),
    minute: z.iso.datetime(),
  }),
);

export const CreateApiKey = defineCommand(
  'gateway.api-key.create.v1',
  'Makes a key; the secret is shown once, in the answer.',
  z.strictObject({
    keyId: z.uuid(),
    name: z.string().min(1).max(100),
    role: Role,
    scopes: z.array(Scope).max(100).default([]),
    fleetIds: z.array(z.uuid()).max(100).default([]),
    expiresAt: z.iso.datetime().nullable().default(null),
  }),
);
export const RevokeApiKey = defineCommand(
  'gateway.api-key.revoke.v1',
  'Revokes a key.',
  z.strictObject({ keyId: z.uuid() }),
);
export const RevokeIngestToken = defineCommand(
  'gateway.ingest-token.revoke.v1',
  "Revokes an ingest token. Gateway's own reaction to a retired bot; not for callers.",
  z.strictObject({ tokenId: z.uuid(), botId: z.uuid() }),
);
export const PublishSigningKey = defineCommand(
  'gateway.signing-key.publish.v1',
  "Publishes the public half of a signing key. Gateway's own; not for callers.",
  z.strictObject({ keyId: z.string(), publicKey: z.record(z.string(), z.string()) }),
);
export const RecordRefusal = defineCommand(
  'gateway.request.record-refusal.v1',
  "Notes a request that was refused. Gateway's own; not for callers.",
  z.strictObject({ requestId: z.uuid(), refusal: RequestRefused.data }),
);
export const RecordDenial = defineCommand(
  'gateway.request.record-denial.v1',
  "Notes requests without a right. Gateway's own; not for callers.",
  z.strictObject({ requestId: z.uuid(), denial: RequestDenied.data }),
);
export const IssueIngestToken = defineCommand(
  'gateway.ingest-token.issue.v1',
  'Issues an ingest token of a bot.',
  z.strictObject({ tokenId: z.uuid(), botId: z.uuid(), expiresAt: z.iso.datetime() }),
);

export const ApiKeysView = defineReadModel(
  'gateway',
  'api_keys',
  'Keys, without anything that could be used as one.',
  z.object({
    workspace: WorkspaceSlug,
    id: z.uuid(),
    name: z.string(),
    role: Role,
    scopes: z.array(Scope),
    fleet_ids: z.array(z.uuid()),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
    created_by: z.string(),
    version: z.int(),
    created_at: z.iso.datetime(),
  }),
);
