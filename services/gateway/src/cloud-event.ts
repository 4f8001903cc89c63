// An event as outsiders get it: CloudEvents 1.0 in structured JSON.
import { ownerSource, type Recorded } from '@molthub/contracts';
import { ownerOf } from '@molthub/bus';
import { z } from 'zod';

export const CloudEvent = z
  .object({
    specversion: z.literal('1.0'),
    id: z.uuid(),
    source: z.string(),
    type: z.string(),
    subject: z.string(),
    time: z.iso.datetime(),
    datacontenttype: z.literal('application/json'),
    dataschema: z.string(),
    sequence: z.string(),
    partitionkey: z.string(),
    workspace: z.string(),
    correlationid: z.string(),
    causationid: z.string().optional(),
    actor: z.string().describe('JSON: kind, id and name. A string, since CloudEvents attributes have no structure.'),
    traceparent: z.string().optional(),
    data: z.json(),
  })
  .describe('CloudEvents 1.0');
export type CloudEvent = Readonly<Record<string, unknown>>;

export const cloudEventOf = (event: Recorded): CloudEvent => ({
  specversion: '1.0',
  id: event.id,
  source: ownerSource(ownerOf(event.type)),
  type: event.type,
  subject: event.stream,
  time: event.time,
  datacontenttype: 'application/json',
  dataschema: `https://molthub.dev/schemas/${event.type}.json`,
  sequence: String(event.version),
  partitionkey: event.stream,
  workspace: event.workspace,
  correlationid: event.correlationId,
  ...(event.causationId ? { causationid: event.causationId } : {}),
  actor: JSON.stringify(event.actor),
  ...(event.traceparent ? { traceparent: event.traceparent } : {}),
  data: event.data,
});
