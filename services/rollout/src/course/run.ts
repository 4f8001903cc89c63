// A change set on its way: which wave it is at, how long that has baked, what its gates say, and whether it is paused.
import { GateKind, type GateVerdict, type PauseCause } from '@molthub/contracts';

const gateKinds = GateKind.options;

/** Counts time that passes between two facts: since when it runs, and what it had counted before. */
export type Clock = { readonly sinceMs: number | null; readonly countedMs: number };

const stopped: Clock = { sinceMs: null, countedMs: 0 };
const started = (clock: Clock, atMs: number): Clock => (clock.sinceMs === null ? { ...clock, sinceMs: atMs } : clock);
const halted = (clock: Clock, atMs: number): Clock => ({ sinceMs: null, countedMs: countedMs(clock, atMs) });
export const countedMs = ({ sinceMs, countedMs: before }: Clock, nowMs: number): number =>
  before + (sinceMs === null ? 0 : Math.max(0, nowMs - sinceMs));

/** The last that a gate said of the wave that runs. */
export type Said = {
  readonly verdict: GateVerdict;
  readonly message: string;
  /** Of traces: the how-manieth look this was. */
  readonly look?: number | undefined;
};

export type Accepted = {
  readonly gates: readonly GateKind[];
  readonly failedBots: number;
  readonly deniedBots: number;
};
const nothingAccepted: Accepted = { gates: [], failedBots: 0, deniedBots: 0 };

export type Run = {
  readonly wave: number;
  readonly waves: number;
  readonly paused: PauseCause | null;
  /** Null until every bot of the wave has settled. */
  readonly settledAtMs: number | null;
  /** Since when traces are looked at: since it settled, or since somebody resumed what a gate had paused. */
  readonly lookingSinceMs: number;
  /** Since the wave was started or resumed: from then on some bot must settle in time. */
  readonly movingSinceMs: number;
  readonly promoted: boolean;
  readonly analysisSkipped: boolean;
  readonly said: Readonly<Partial<Record<GateKind, Said>>>;
  /** What whoever resumed it puts up with: gates that fail, and so many bots that failed or were denied. */
  readonly accepted: Accepted;
  /** Time in which its bots were well and nobody paused it. */
  readonly baked: Clock;
  /** Time since it settled in which nobody paused it: what gates may wait for. */
  readonly waited: Clock;
};

export const firstWave = (waves: number, atMs: number): Run => ({
  wave: 0,
  waves,
  paused: null,
  settledAtMs: null,
  lookingSinceMs: 0,
  movingSinceMs: atMs,
  promoted: false,
  analysisSkipped: false,
  said: {},
  accepted: nothingAccepted,
  baked: stopped,
  waited: stopped,
});

export const nextWave = (run: Run, wave: number, atMs: number): Run => ({
  ...firstWave(run.waves, atMs),
  wave,
  paused: run.paused,
  // Denials are counted in each wave anew, failures over all of them.
  accepted: { ...run.accepted, gates: [], deniedBots: 0 },
  analysisSkipped: run.analysisSkipped,
});

const isWell = ({ said }: Run): boolean => said.HEALTH === undefined || said.HEALTH.verdict === 'PASS';

export const settled = (run: Run, atMs: number): Run => {
  const clock = run.paused === null ? started(stopped, atMs) : stopped;
  return { ...run, settledAtMs: atMs, lookingSinceMs: atMs, waited: clock, baked: isWell(run) ? clock : stopped };
};

export const judged = (run: Run, gate: GateKind, said: Said, atMs: number): Run => {
  const next = { ...run, said: { ...run.said, [gate]: said } };
  if (gate !== 'HEALTH' || run.settledAtMs === null) return next;
  if (!isWell(next)) return { ...next, baked: halted(run.baked, atMs) };
  return run.paused === null ? { ...next, baked: started(run.baked, atMs) } : next;
};

type Counts = Pick<Accepted, 'failedBots' | 'deniedBots'>;

/** The counts are put up with once it is resumed; while it is paused nothing is lost by knowing them. */
export const paused = (run: Run, cause: PauseCause, counts: Counts, atMs: number): Run => ({
  ...run,
  paused: cause,
  accepted: cause === 'PERSON' ? run.accepted : { ...run.accepted, ...counts },
  baked: halted(run.baked, atMs),
  waited: halted(run.waited, atMs),
});

const withoutTraces = ({ TRACES: _, ...said }: Run['said']): Run['said'] => said;

/** A person who resumes has seen what the gates say: they get their time again. */
export const resumed = (run: Run, atMs: number): Run => {
  const failing = run.paused === 'GATE' ? gateKinds.filter((gate) => run.said[gate]?.verdict === 'FAIL') : [];
  const gates = [...new Set([...run.accepted.gates, ...failing])];
  const next = { ...run, paused: null, movingSinceMs: atMs, accepted: { ...run.accepted, gates } };
  if (run.settledAtMs === null) return next;
  const lookingSinceMs = run.paused === 'GATE' ? atMs : run.lookingSinceMs;
  return {
    ...next,
    lookingSinceMs,
    said: lookingSinceMs === atMs ? withoutTraces(run.said) : run.said,
    waited: started(stopped, atMs),
    baked: isWell(run) ? started(run.baked, atMs) : run.baked,
  };
};
