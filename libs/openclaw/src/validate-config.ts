// Judges a bot's configuration by the schema of its OpenClaw version, away from the event loop.
import { Worker } from 'node:worker_threads';
import { Rejected } from '@molthub/decider';
import { z } from 'zod';
import type { ConfigSchema } from './config-schema.ts';
import type { ConfigProblem } from './schema-problems.ts';

const CONFIG_CHARACTERS_MAX = 1_048_576;
const CONFIG_DEPTH_MAX = 64;
const TIMEOUT_MS = 20_000;
const IDLE_MS = 30_000;
const HEAP_MIB_MAX = 768;

const answerShape = z.object({
  id: z.number(),
  problems: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })).optional(),
  fault: z.string().optional(),
});

type Job = {
  readonly file: string;
  readonly configJson: string;
  readonly timeoutMs: number;
  readonly done: (problems: readonly ConfigProblem[]) => void;
  readonly failed: (error: Error) => void;
};

const waiting: Job[] = [];
let worker: Worker | undefined;
let active: Job | undefined;
let activeId = 0;
let timer: NodeJS.Timeout | undefined;

/**
 * What is wrong with `config`; nothing means that this version of OpenClaw accepts it. Answers take milliseconds once
 * the
 * thread is warm, at most `timeoutMs` (default 20 s) each; the thread ends after 30 s without work.
 * Throws `Rejected` for a config that is too large, too deep, or too slow to judge.
 */
export async function validateConfig(
  schema: ConfigSchema,
  config: unknown,
  options: { readonly timeoutMs?: number } = {},
): Promise<readonly ConfigProblem[]> {
  if (depthExceeds(config, CONFIG_DEPTH_MAX)) throw unjudged(`is nested more than ${CONFIG_DEPTH_MAX} levels deep`);
  const configJson = JSON.stringify(config) ?? 'null';
  if (configJson.length > CONFIG_CHARACTERS_MAX) throw unjudged(`is larger than ${CONFIG_CHARACTERS_MAX} characters`);
  return new Promise((done, failed) => {
    waiting.push({ file: schema.file, configJson, timeoutMs: options.timeoutMs ?? TIMEOUT_MS, done, failed });
    next();
  });
}

function next(): void {
  if (active !== undefined) return;
  clearTimeout(timer);
  active = waiting.shift();
  if (active === undefined) {
    timer = setTimeout(endWorker, IDLE_MS).unref();
    return;
  }
  worker ??= startWorker();
  // While it works it keeps the process alive, otherwise not.
  worker.ref();
  activeId += 1;
  timer = setTimeout(giveUp, active.timeoutMs);
  worker.postMessage({ id: activeId, file: active.file, configJson: active.configJson }, []);
}

function startWorker(): Worker {
  const started = new Worker(new URL('./schema-worker.ts', import.meta.url), {
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  });
  started.on('message', (message: unknown) => {
    const answer = answerShape.parse(message);
    if (started === worker && answer.id === activeId) settle(answer);
  });
  started.on('error', (error) => {
    if (started !== worker) return;
    worker = undefined;
    settle({ fault: error.message });
  });
  return started;
}

function settle(answer: { problems?: readonly ConfigProblem[] | undefined; fault?: string | undefined }): void {
  const job = active;
  active = undefined;
  worker?.unref();
  if (answer.problems !== undefined) job?.done(answer.problems);
  else job?.failed(new Error(`The configuration could not be judged by its schema: ${answer.fault}`));
  next();
}

function giveUp(): void {
  const job = active;
  active = undefined;
  endWorker();
  job?.failed(unjudged(`takes longer than ${job.timeoutMs} ms to judge`));
  next();
}

function endWorker(): void {
  void worker?.terminate();
  worker = undefined;
}

function unjudged(reason: string): Rejected {
  return new Rejected('openclaw.config-not-judged', `The bot's configuration ${reason}`, [
    { path: 'spec.config', code: 'not-judged', message: 'Make the configuration smaller or simpler.' },
  ]);
}

function depthExceeds(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    level = level.flatMap((node) => (typeof node === 'object' && node !== null ? Object.values(node) : []));
  }
  return false;
}
