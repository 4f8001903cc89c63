// What is between the body of a request and its commit, in parts that are measured in turn: the limits of ingest.
import { randomUUID } from 'node:crypto';
import { FleetTelemetry } from '@molthub/contracts';
import type { Loader } from '@molthub/event-store';
import { startService } from '@molthub/service';
import { createLogger, createMetrics } from '@molthub/telemetry';
import { traceService } from '@molthub/trace-ingest';
import {
  type Batch,
  copyOf,
  createSpanStore,
  decodeSpans,
  type Source,
  type Stored,
  spanColumns,
} from '@molthub/trace-ingest/ingest-parts';
import { z } from 'zod';
import { countCpu } from './cpu.ts';
import { measured, type Report } from './measured.ts';
import { withServers } from './servers.ts';

/** CPU of Node and Postgres for the same bodies, for each span. */
export type Parts = {
  readonly measure: (bodies: readonly Buffer[], spans: number) => Promise<void>;
  readonly report: () => Promise<void>;
};

type Part = { readonly figure: string; readonly run: (bodies: readonly Buffer[]) => Promise<void> };

type Used = { readonly figure: string; readonly cpuUs: number[]; readonly byProcess: object[] };

const bodiesPerCommit = 4;

/** Parts of ingest on servers of their own, for as long as `work` takes. */
export const withParts = (report: Report, work: (parts: Parts) => Promise<void>): Promise<void> =>
  withServers(async ({ urls, postgres }) => {
    const settings = { ...urls, logger: createLogger('bench', 'error'), metrics: createMetrics() };
    const trace = await startService(traceService(), settings);
    try {
      const parts = partsOn(trace.runtime.load);
      const used = parts.map(({ figure }): Used => ({ figure, cpuUs: [], byProcess: [] }));
      const measure: Parts['measure'] = async (bodies, spans) => {
        for (const [place, part] of parts.entries()) {
          const cpu = await countCpu([postgres.pid]);
          await part.run(bodies);
          const { ownMs, serversMs } = await cpu();
          used[place]?.cpuUs.push(((ownMs + (serversMs ?? 0)) * 1_000) / spans);
          used[place]?.byProcess.push({ node: ownMs, postgres: serversMs });
        }
      };
      const reportAll = async () => {
        for (const { figure, cpuUs, byProcess } of used) report(measured(figure, 'µs', cpuUs, { cpuMs: byProcess }));
        const [disk] = z.array(Disk).parse(await trace.runtime.reads(bytesOnDisk));
        if (!disk) throw new Error('Postgres does not say what the spans take.');
        const { span_bytes: spanBytes, all_bytes: allBytes, spans } = disk;
        report(measured('OTLP ingest, a span with its indexes on disk', 'B', [spanBytes / spans], { spans }));
        report(
          measured('OTLP ingest, a span with all that is counted of it on disk', 'B', [allBytes / spans], { spans }),
        );
      };
      await work({ measure, report: reportAll });
    } finally {
      await trace.stop();
    }
  });

const Disk = z.object({ span_bytes: z.number(), all_bytes: z.number(), spans: z.number() });
const bytesOnDisk = `
  select (select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'span_rows'::regclass)::float8
      as span_bytes,
    (select sum(pg_total_relation_size(oid)) from pg_class
      where relnamespace = 'trace'::regnamespace and relkind = 'r')::float8 as all_bytes,
    (select count(*) from span_rows)::float8 as spans`;

const copy = `copy span_rows (${spanColumns.join(', ')}) from stdin (format binary)`;

const partsOn = (load: Loader['load']): readonly Part[] => {
  const store = createSpanStore(load, { limitsOf: () => FleetTelemetry.parse({}).runaway, outbox: null });
  return [
    {
      figure: 'of it decoding alone, CPU per span',
      run: async (bodies) => {
        for (const body of bodies) await decodeSpans(body, 'protobuf');
      },
    },
    {
      figure: 'of it decoding and COPY alone, CPU per span',
      run: (bodies) =>
        eachCommit(bodies, async (batches) => {
          await load((_sql, copyIn) => copyIn(copy, copyOf(batches.flatMap(rowsOf))));
        }),
    },
    {
      figure: 'of it from the body to the commit, CPU per span',
      run: (bodies) =>
        eachCommit(bodies, async (batches) => {
          await store(batches);
        }),
    },
  ];
};

/** Each time new bots, so that the same spans are new ones. */
const eachCommit = async (bodies: readonly Buffer[], commit: (batches: readonly Batch[]) => Promise<void>) => {
  const source: Source = { botId: randomUUID(), workspace: 'default', fleetId: randomUUID(), simulated: false };
  for (let at = 0; at < bodies.length; at += bodiesPerCommit) {
    const decoded = bodies.slice(at, at + bodiesPerCommit).map((body) => decodeSpans(body, 'protobuf'));
    await commit((await Promise.all(decoded)).map(({ records }) => ({ source, records })));
  }
};

const rowsOf = ({ source, records }: Batch): readonly Stored[] =>
  records.map((record) => ({ source, record, surroundings: 0n, content: null }));
