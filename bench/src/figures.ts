// Every figure that can be measured. Adding one: a file that exports a `Figure`, and a line here.
import { apiLatency } from './api-latency.ts';
import { appendAgainstEmmett } from './append-against-emmett.ts';
import { groupCommit } from './group-commit.ts';
import { judging } from './judging.ts';
import { localBot } from './local-bot.ts';
import type { Figure } from './measured.ts';
import { orderMillion } from './order-million.ts';
import { otlpIngest } from './otlp-ingest.ts';
import { sweepSpans } from './sweep-spans.ts';
import { policy } from './policy.ts';
import { readModelVisible } from './read-model-visible.ts';
import { rebuildWhileServing } from './rebuild-while-serving.ts';
import { reconcileQueue } from './reconcile-queue.ts';
import { reconcilerMemory } from './reconciler-memory.ts';
import { resolveLayers } from './resolve-layers.ts';
import { rolloutWaves } from './rollout-waves.ts';
import { startAndIdle } from './start-and-idle.ts';
import { tenThousandBots } from './ten-thousand-bots.ts';
import { traceReads } from './trace-reads.ts';

export const figures: readonly Figure[] = [
  appendAgainstEmmett,
  groupCommit,
  readModelVisible,
  rebuildWhileServing,
  orderMillion,
  apiLatency,
  reconcileQueue,
  policy,
  resolveLayers,
  judging,
  otlpIngest,
  sweepSpans,
  traceReads,
  startAndIdle,
  localBot,
  tenThousandBots,
  rolloutWaves,
  reconcilerMemory,
];
