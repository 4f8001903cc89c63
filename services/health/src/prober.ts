// The job that asks every bot again and again, tells what changed, and keeps the readings.
import { Hash, HealthStatus, ReportProbe } from '@molthub/contracts';
import type { Job, Runtime } from '@molthub/service';
import { z } from 'zod';
import { askBot, askSimulator } from './ask.ts';
import { inParallel } from './in-parallel.ts';
import type { Judgement, Reading } from './judge.ts';
import { dropOldReadings, keepReadings, type KeptReading } from './readings.ts';
import { Target } from './targets.ts';
import { createWatch, type Watch } from './watch.ts';
import type { Wake } from './wake.ts';

export type ProberSettings = { readonly home: string; readonly probeIntervalMs: number };

/** A simulator is asked about many in one request. */
const simulatedPerRequestMax = 1_000;
const tellingMax = 64;
/** Pauses between two looks: long enough to gather, short enough to be at once. */
const gatherMs = 50;
const refreshMs = 2_000;
const retentionEveryMs = 3_600_000;

type Probed = { readonly target: Target; readonly reading: Reading; readonly atMs: number };

const Told = z.object({ status: HealthStatus, hash: Hash.nullable() });
const Changed = Target.extend({ revision: z.coerce.number(), told: Told.nullable() });

/** Bots that changed since a revision, with what was last told of each. */
const changedSince = async (runtime: Runtime, revision: number) =>
  z.array(Changed).parse(
    await runtime.reads(
      `select t.workspace, t.bot_id as "botId", t.fleet_id as "fleetId", t.mode, t.url,
         t.token_reference as "tokenReference", t.simulated, t.hash,
         t.health_check as "healthCheck", t.revision,
         case when b.bot_id is not null then json_build_object('status', b.status, 'hash', b.hash) end as told
       from targets t left join bots b on b.bot_id = t.bot_id where t.revision > $1 order by t.revision`,
      [revision],
    ),
  );

/** Readings of bots, each as it comes in. */
const ask = async (
  home: string,
  targets: readonly Target[],
  answered: (probed: readonly Probed[]) => void,
): Promise<void> => {
  const bySimulator = Map.groupBy(
    targets.filter(({ simulated }) => simulated),
    // An address that is none cannot be asked, which is then the reading.
    ({ url }) => (url !== null && URL.canParse(url) ? new URL(url).origin : ''),
  );
  const requests = [...bySimulator].flatMap(([origin, bots]) =>
    Array.from({ length: Math.ceil(bots.length / simulatedPerRequestMax) }, (_, at) => ({
      origin,
      bots: bots.slice(at * simulatedPerRequestMax, (at + 1) * simulatedPerRequestMax),
    })),
  );
  const simulated = inParallel(requests, 2, async ({ origin, bots }) => {
    const readings = await askSimulator(
      origin,
      bots.map(({ botId }) => botId),
    );
    const atMs = Date.now();
    answered(bots.flatMap((target) => present(target, readings.get(target.botId), atMs)));
  });
  // The watch hands out no more than may be asked at once.
  const real = targets
    .filter(({ simulated }) => !simulated)
    .map(async (target) => answered(present(target, await askBot(home, target), Date.now())));
  await Promise.all([simulated, ...real]);
};

const present = (target: Target, reading: Reading | undefined, atMs: number): readonly Probed[] =>
  reading ? [{ target, reading, atMs }] : [];

const tell = async (runtime: Runtime, { target, reading, atMs }: Probed, { status, failures }: Judgement) => {
  const { workspace, botId, fleetId, hash, simulated } = target;
  const { detail, latencyMs } = reading;
  const probedAt = new Date(atMs).toISOString();
  const data = { botId, fleetId, status, detail, latencyMs, failures, probedAt, hash, simulated };
  const outcome = await runtime.execute(ReportProbe, data, { workspace });
  if (outcome.status !== 'DONE') throw new Error(`The health of bot ${botId} could not be told: ${outcome.status}.`);
};

const atRest = ({ mode, healthCheck }: Target): Reading => {
  const isOff = mode === 'RUNNING' && healthCheck.kind === 'none';
  const why = isOff ? 'spec.healthCheck of its manifest is none' : `the bot is ${mode.toLowerCase()}`;
  return { status: 'UNKNOWN', latencyMs: null, detail: `Not asked: ${why}.` };
};

const takeChanges = async (runtime: Runtime, watch: Watch, revision: number): Promise<number> => {
  const changes = await changedSince(runtime, revision);
  await inParallel(changes, tellingMax, async (change) => {
    const target = Target.parse(change);
    const status = watch.update(target, change.told, Date.now());
    if (status === null) return;
    const judgement = { status, hash: target.hash, failures: 0, unknowns: 0, tell: true, againMs: 0 };
    await tell(runtime, { target, reading: atRest(target), atMs: Date.now() }, judgement);
  });
  return changes.at(-1)?.revision ?? revision;
};

/** `wake` rings when the reconciler said something about a bot. */
export const prober = (wake: Wake, { home, probeIntervalMs }: ProberSettings): Job => ({
  name: 'probe',
  single: true,
  run: async (runtime, signal) => {
    const watch = createWatch(probeIntervalMs);
    const answers: Probed[] = [];
    let revision = 0;
    let cleanedMs = 0;
    let refreshedMs = 0;
    const answered = (probed: readonly Probed[]) => {
      answers.push(...probed);
      wake.ring();
    };
    while (!signal.aborted) {
      revision = await takeChanges(runtime, watch, revision);
      refreshedMs = Date.now();
      // Not awaited: a bot that takes long to answer must not hold up the others.
      void ask(home, watch.take(Date.now()), answered);
      await noteAnswers(runtime, watch, answers.splice(0));
      if (Date.now() - cleanedMs > retentionEveryMs) {
        await dropOldReadings(runtime);
        cleanedMs = Date.now();
      }
      await pause(gatherMs, signal);
      const nextMs = watch.nextMs() ?? Number.POSITIVE_INFINITY;
      const idleMs = Math.min(nextMs - Date.now(), refreshedMs + refreshMs - Date.now());
      if (idleMs > 0) await wake.next(idleMs, signal);
    }
  },
});

const noteAnswers = async (runtime: Runtime, watch: Watch, answers: readonly Probed[]): Promise<void> => {
  const kept: KeptReading[] = [];
  const news: (readonly [Probed, Judgement])[] = [];
  for (const probed of answers) {
    const judgement = watch.note(probed.target, probed.reading, probed.atMs);
    if (!judgement) continue;
    // Simulated readings are alike for weeks: their history keeps the changes only.
    kept.push({ ...probed, history: !probed.target.simulated || judgement.tell });
    if (judgement.tell) news.push([probed, judgement]);
  }
  await inParallel(news, tellingMax, ([probed, judgement]) => tell(runtime, probed, judgement));
  await keepReadings(runtime, kept);
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
