// Spans of traces that were ended over the API go the way of all others.
import { setTimeout as delay } from 'node:timers/promises';
import { SpanType, TraceEnded } from '@molthub/contracts';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { type FleetSettings, openFleetSettings } from '../fleet-settings.ts';
import { createOutbox } from '../forward/outbox.ts';
import { createSpanStore } from '../ingest/store-spans.ts';
import { decodeSpans } from '../otlp/decode-spans.ts';
import { openPrices, type Prices } from '../price-table/open-prices.ts';

const Row = z.object({
  workspace: z.string(),
  bot_id: z.string(),
  trace_id: z.string(),
  fleet_id: z.string().nullable(),
  simulated: z.boolean(),
  span_id: z.string(),
  parent_trace_id: z.string().nullable(),
  name: z.string(),
  type: SpanType,
  status: z.enum(['OK', 'ERROR']),
  message: z.string(),
  session: z.string().nullable(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  started_at: z.date(),
  ended_at: z.date(),
});
type Row = z.infer<typeof Row>;

const atOnceMax = 200;
const lookEveryMs = 5_000;

export const storeEndedJob = (isForwarding: boolean): Job => ({
  name: 'manual-traces',
  single: true,
  run: async (runtime, signal) => {
    const onFault = (error: unknown) => runtime.logger.warn({ err: error }, 'prices and settings could not be read');
    const prices = await openPrices(runtime.reads, { onFault });
    const fleets = await openFleetSettings(runtime.reads, { onFault });
    const store = createSpanStore(runtime.load, {
      limitsOf: (fleetId) => fleets.settingsOf(fleetId).runaway,
      outbox: isForwarding ? createOutbox(runtime, fleets.settingsOf) : null,
    });
    let wake = () => {};
    const stop = runtime.committed((events) => {
      if (events.some((event) => event.type === TraceEnded.type)) wake();
    });
    try {
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if ((await storeEnded(runtime, store, { prices, fleets })) === 0) {
          const rest = new AbortController();
          const waited = delay(lookEveryMs, undefined, { signal: AbortSignal.any([signal, rest.signal]) });
          await Promise.race([woken, waited.catch(() => undefined)]);
          rest.abort();
        }
      }
    } finally {
      stop();
      prices.close();
      fleets.close();
    }
  },
});

const storeEnded = async (
  runtime: Runtime,
  store: ReturnType<typeof createSpanStore>,
  { prices, fleets }: { readonly prices: Prices; readonly fleets: FleetSettings },
): Promise<number> => {
  const known = await runtime.write((sql) => sql(noteStored));
  const rows = await runtime.reads(
    `select workspace, bot_id, replace(trace_id::text, '-', '') as trace_id, fleet_id, simulated, span_id,
       parent_trace_id, name, type, status, message, session, attributes, started_at, ended_at
     from manual_traces where ended_at is not null and not stored order by ended_at limit ${atOnceMax}`,
  );
  if (rows.length > 0) await Promise.all([prices.refresh(), fleets.refresh()]);
  for (const row of rows.map((found) => Row.parse(found))) {
    // Stored twice after a crash in between it is still one span.
    const records = (await spanOf(row)).map(prices.priced(row.workspace));
    await store([{ source: sourceOf(row), records }]);
    await runtime.write(async (sql) => {
      const key = [row.bot_id, row.trace_id];
      await sql('update manual_traces set stored = true where bot_id = $1 and trace_id = $2::uuid', key);
      await sql('update traces set open_count = 0, updated_at = now() where bot_id = $1 and trace_id = $2::uuid', key);
    });
  }
  return known.length + rows.length;
};

/** A read model that is made anew does not know what was stored; traces do: that one is open no more, or gone since. */
const noteStored = `
  update manual_traces set stored = true where (trace_id, bot_id) in (
    select m.trace_id, m.bot_id from manual_traces m
    where m.ended_at is not null and not m.stored and not exists (
      select from traces t where t.trace_id = m.trace_id and t.bot_id = m.bot_id and t.open_count > 0)
    limit ${atOnceMax})
  returning 1`;

const sourceOf = (row: Row) => ({
  workspace: row.workspace,
  botId: row.bot_id,
  fleetId: row.fleet_id,
  simulated: row.simulated,
});

const nsOf = (time: Date): string => String(BigInt(time.getTime()) * 1_000_000n);

/** It is written as a bot would say it, and read as anything is that bots say. */
const spanOf = async (row: Row) => {
  const attributes = {
    ...row.attributes,
    'molthub.span.type': row.type,
    ...(row.session === null ? {} : { 'gen_ai.conversation.id': row.session }),
    ...(row.parent_trace_id === null ? {} : { 'molthub.parent_trace_id': row.parent_trace_id }),
  };
  const span = {
    traceId: row.trace_id,
    spanId: row.span_id,
    name: row.name,
    kind: 1,
    startTimeUnixNano: nsOf(row.started_at),
    endTimeUnixNano: nsOf(row.ended_at),
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) })),
    status: { code: row.status === 'ERROR' ? 2 : 1, message: row.message },
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'molthub-api' } }] };
  const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'molthub.api' }, spans: [span] }] }] };
  const nowMs = row.ended_at.getTime();
  const { records, message } = await decodeSpans(Buffer.from(JSON.stringify(body)), 'json', { nowMs });
  if (records.length !== 1) throw new Error(`A trace of the API was stored that is no span: ${message}`);
  return records;
};

const anyValue = (value: string | number | boolean) => {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value };
};
