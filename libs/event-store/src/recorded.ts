// Events as the log holds them: made from what was appended, or from rows.
import { Actor, type LogPosition, type Recorded } from '@molthub/contracts';
import { z } from 'zod';
import type { NewEvent } from './unit.ts';

export const recordedFrom = (event: NewEvent, stream: string, version: number, log: LogPosition): Recorded => ({
  type: event.type,
  data: event.data,
  workspace: event.workspace,
  actor: event.actor,
  correlationId: event.correlationId,
  causationId: event.causationId,
  ...(event.traceparent ? { traceparent: event.traceparent } : {}),
  id: event.id,
  stream,
  version,
  time: event.time,
  log,
});

/** The columns of an event; the order columns come as text under other names, so that no `order by` can mean them. */
export const eventColumns = `e.epoch, e.tx::text as tx_text, e.position::text as position_text, e.workspace,
  e.stream_id, e.version, e.event_id, e.type, e.data, e.meta, e.at`;

const Row = z.object({
  epoch: z.number(),
  tx_text: z.string(),
  position_text: z.string(),
  workspace: z.string(),
  stream_id: z.string(),
  version: z.number(),
  event_id: z.string(),
  type: z.string(),
  data: z.unknown(),
  meta: z.object({
    actor: Actor,
    correlationId: z.string(),
    causationId: z.string().nullable(),
    traceparent: z.string().optional(),
  }),
  at: z.date(),
});

export const recordedFromRow = (row: unknown): Recorded => {
  const r = Row.parse(row);
  return {
    type: r.type,
    data: r.data,
    workspace: r.workspace,
    actor: r.meta.actor,
    correlationId: r.meta.correlationId,
    causationId: r.meta.causationId,
    ...(r.meta.traceparent ? { traceparent: r.meta.traceparent } : {}),
    id: r.event_id,
    stream: r.stream_id,
    version: r.version,
    time: r.at.toISOString(),
    log: { epoch: r.epoch, tx: BigInt(r.tx_text), position: BigInt(r.position_text) },
  };
};
