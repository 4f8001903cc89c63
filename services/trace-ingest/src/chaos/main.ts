// trace-ingest with its door as a process of its own, to be killed: prints the door's address, stops when its input ends.
import { startService } from '@molthub/service';
import { createLogger, createMetrics } from '@molthub/telemetry';
import { backendOf, traceService } from '../service.ts';
import { TraceArguments } from './trace-process.ts';

const { port, bytesMax, bodiesBytesMax, level, forwardUrl, ...urls } = TraceArguments.parse(
  JSON.parse(process.argv[2] ?? '{}'),
);
const parts = { logger: createLogger('trace', level), metrics: createMetrics() };
const definition = traceService({ windows: { latenessMs: 60_000 }, backend: backendOf(forwardUrl, undefined) });
const trace = await startService(definition, { ...urls, ...parts });
const limits = { ...(bytesMax ? { bytesMax } : {}), ...(bodiesBytesMax ? { bodiesBytesMax } : {}) };
const door = await definition.startOtlp({ host: '127.0.0.1', port, runtime: trace.runtime, ...limits });
const stop = async () => {
  await door.close();
  await trace.stop();
  process.exit(0);
};
process.stdin.on('end', () => void stop()).resume();
process.stdout.write(`\ndoor ${door.url}\n`);
