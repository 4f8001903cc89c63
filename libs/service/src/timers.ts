// Wakes streams whose time has come, from rows that every append rewrote.
import { type Command, commandDefinition, type ServiceName } from '@molthub/contracts';
import type { Lease, Log } from '@molthub/event-store';
import { derivedId } from '@molthub/identity';
import { z } from 'zod';
import type { Executor } from './executor.ts';
import { pause } from './patience.ts';

const lookEveryMs = 1_000;
const batchMax = 100;

const Row = z.object({
  stream_id: z.string(),
  version: z.number(),
  workspace: z.string(),
  due_at: z.date(),
  command_type: z.string(),
  data: z.unknown(),
});

/** Runs due timers until the signal aborts. A timer's command id follows from (stream, version, due time). */
export const runTimers = async (
  parts: { readonly service: ServiceName; readonly log: Log; readonly executor: Executor; readonly now: () => Date },
  lease: Lease,
  signal: AbortSignal,
): Promise<void> => {
  while (!signal.aborted) {
    const rows = await parts.log.reads(
      'select * from timers where due_at <= clock_timestamp() order by due_at, stream_id limit $1',
      [batchMax],
    );
    await Promise.all(rows.map((row) => fire(parts, Row.parse(row), lease)));
    if (rows.length < batchMax) await pause(lookEveryMs, signal);
  }
};

const fire = async (
  parts: { readonly service: ServiceName; readonly log: Log; readonly executor: Executor; readonly now: () => Date },
  row: z.infer<typeof Row>,
  lease: Lease,
) => {
  const id = derivedId(`${row.stream_id}:${row.version}`, row.due_at.toISOString());
  const command: Command = {
    id,
    type: row.command_type,
    data: row.data,
    workspace: row.workspace,
    actor: { kind: 'service', id: parts.service, name: parts.service },
    correlationId: id,
    causationId: null,
    time: parts.now().toISOString(),
    records: true,
  };
  if (!commandDefinition(row.command_type)) throw new Error(`A timer names the unknown command ${row.command_type}.`);
  await parts.executor.execute(command, { fence: lease });
  // A command that changed nothing left its timer standing: its time has passed all the same.
  await parts.log.reads('delete from timers where stream_id = $1 and version = $2 and due_at = $3', [
    row.stream_id,
    row.version,
    row.due_at.toISOString(),
  ]);
};
