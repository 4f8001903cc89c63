import { Actor, AuditOutcome, platformWorkspace } from '@molthub/contracts';
import { z } from 'zod';
import { listing } from '../listing.ts';
import { isOperator } from '../principal.ts';
import { oneRow } from '../read-side.ts';
import { Id, list, route, type Route } from '../route.ts';
import { text, time } from './shapes.ts';

const Entry = z.object({
  id: z.uuid(),
  sequence: z.int(),
  time,
  actor: Actor,
  action: z.string(),
  outcome: AuditOutcome,
  resource: z.object({ type: z.string(), id: z.string() }),
  diff: z.json(),
  correlationId: z.string(),
  causationId: z.string().nullable(),
  eventId: z.uuid(),
  source: z.string(),
  hash: z.string(),
});

const columns = `a.id, a.sequence::float8 as sequence, a.time, a.actor, a.action, a.outcome,
  json_build_object('type', a.resource_type, 'id', a.resource_id) as resource, a.diff,
  a.correlation_id as "correlationId", a.causation_id as "causationId", a.event_id as "eventId", a.source, a.hash`;

export const auditRoutes: readonly Route[] = [
  list({
    path: '/audit',
    permission: 'audit:read',
    reach: 'workspace',
    summary: 'Lists the record: who did what to what, newest first.',
    item: Entry,
    listing: listing({
      name: 'audit',
      columns,
      from: 'audit_read.entries a',
      workspace: 'a.workspace',
      isOfInstallationToo: true,
      key: { column: 'a.sequence', type: 'bigint' },
      sorts: { sequence: { column: 'a.sequence', type: 'bigint' } },
      defaultSort: '-sequence',
      filters: {
        action: { where: 'a.action = ?', value: text },
        outcome: { where: 'a.outcome = ?', value: AuditOutcome },
        resourceType: { where: 'a.resource_type = ?', value: text },
        resourceId: { where: 'a.resource_id = ?', value: text },
        actorId: { where: `a.actor->>'id' = ?`, value: text },
        correlationId: { where: 'a.correlation_id = ?', value: text },
        from: { where: 'a.time >= ?', value: time },
        to: { where: 'a.time < ?', value: time },
      },
    }),
  }),
  route({
    method: 'GET',
    path: '/audit/:id',
    permission: 'audit:read',
    reach: 'workspace',
    summary: 'Answers one entry of the record.',
    params: Id,
    answer: Entry,
    run: async (call, { params }) => {
      const rows = await call.world.views(
        `select ${columns} from audit_read.entries a where a.workspace = any($1::text[]) and a.id = $2`,
        [isOperator(call.principal) ? [call.workspace, platformWorkspace] : [call.workspace], params.id],
      );
      return { status: 200, body: oneRow(rows, 'audit entry') };
    },
  }),
];
