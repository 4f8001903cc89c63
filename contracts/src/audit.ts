// audit keeps one entry for every event and every refused request, as leaves of a Merkle log.
import { z } from 'zod';
import { Actor, defineReadModel, WorkspaceSlug } from './message.ts';

export const AuditOutcome = z.enum(['ACCEPTED', 'REFUSED', 'DENIED']);

export const AuditEntriesView = defineReadModel(
  'audit',
  'entries',
  'The record: who did what to what, with the leaf hash that fixes it.',
  z.object({
    workspace: WorkspaceSlug,
    /** Index of the leaf, from 0, without gaps over the whole installation. */
    sequence: z.int().min(0),
    id: z.uuid(),
    time: z.iso.datetime(),
    actor: Actor,
    action: z.string(),
    outcome: AuditOutcome,
    resource_type: z.string(),
    resource_id: z.string(),
    diff: z.json(),
    correlation_id: z.string(),
    causation_id: z.string().nullable(),
    event_id: z.uuid(),
    source: z.string(),
    hash: z.string().regex(/^[0-9a-f]{64}$/),
  }),
);
