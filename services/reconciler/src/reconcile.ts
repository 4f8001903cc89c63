// One look at one bot, and what follows from it: observe → differ → act → report. Level-based: it starts from what is,
// not from what happened, so that it may be cut off anywhere and simply begin again.
import type { DriftItem, FleetStatus } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { createActs, type Acts } from './act.ts';
import { attemptsBeforeError } from './bot.ts';
import { type BotRow, desiredOf } from './bot-row.ts';
import type { Healing } from './healing.ts';
import { differencesOf } from './plan.ts';
import type { Ending } from './queue.ts';
import { fingerprint, type Report } from './report.ts';
import {
  type Desired,
  type Difference,
  type Observation,
  type Target,
  type Targets,
  targetOf,
  tokenAgePath,
} from './target.ts';

export type ReconcileContext = {
  readonly targets: Targets;
  readonly healing: Healing;
  readonly fleetStatus: (fleetId: string) => FleetStatus;
  readonly botsOfFleet: (fleetId: string) => number;
  /** Records what was seen or done, through the decider. */
  readonly report: (row: BotRow, report: Report) => Promise<void>;
  /** The process is going down: what fails now is tried by the next one, and is nobody's failure. */
  readonly isStopping: () => boolean;
  /** Aborts when something newer is asked of the bot while it is worked on. */
  readonly cancelled?: (botId: string) => AbortSignal | undefined;
  /** Told why a drifted bot is not healed. */
  readonly heldBack: (row: BotRow, why: string) => void;
  readonly now: () => number;
  /** First sightings of drift, until a second look confirms them. */
  readonly sightings: Map<string, { readonly of: string; readonly since: string }>;
  /** What was done so far to bots that have not settled since: one that answers late was restarted all the same. */
  readonly unsettled: Map<string, { readonly generation: number; readonly acts: Acts }>;
};

export type Outcome = 'unchanged' | 'converged' | 'drifted' | 'healed' | 'failed' | 'waiting' | 'not-ours';
export type Result = { readonly ending: Ending; readonly outcome: Outcome };

const asItShouldBe: ReadonlySet<Outcome> = new Set(['unchanged', 'converged', 'healed']);
const settled = (outcome: Outcome): Result => ({ ending: { kind: 'settled' }, outcome });
const again = (waitMs: number, outcome: Outcome = 'waiting'): Result => ({
  ending: { kind: 'again', waitMs, priority: 'drift' },
  outcome,
});
const notReadyMs = 1_000;

type Case = {
  readonly row: BotRow;
  readonly desired: Desired;
  readonly target: Target;
  readonly attempt: number;
  readonly context: ReconcileContext;
  readonly acts: Acts;
};

export const reconcile = async (row: BotRow, attempt: number, context: ReconcileContext): Promise<Result> => {
  const { bot_id: id, generation } = row;
  const before = context.unsettled.get(id);
  const acts = before?.generation === generation ? before.acts : createActs(context.now);
  context.unsettled.set(id, { generation, acts });
  const result = await look(row, attempt, context, acts);
  if (result.ending.kind === 'settled' || result.ending.kind === 'blocked') context.unsettled.delete(id);
  if (asItShouldBe.has(result.outcome)) context.healing.calm(id, row.fleet_id);
  return result;
};

const look = async (row: BotRow, attempt: number, context: ReconcileContext, acts: Acts): Promise<Result> => {
  const cancelled = context.cancelled?.(row.bot_id);
  const desired = { ...desiredOf(row, context.fleetStatus(row.fleet_id)), ...(cancelled ? { cancelled } : {}) };
  let target: Target;
  try {
    target = targetOf(context.targets, row.target);
  } catch (error) {
    return failed({ row, attempt, context, acts }, error);
  }
  const one: Case = { row, desired, target, attempt, context, acts };
  if (target.node !== null && row.node !== null && row.node !== target.node) return elsewhere(one);
  let observed: Observation;
  try {
    observed = await acts.observe(target, desired);
  } catch (error) {
    // A settled bot was well when it was last seen: only what lasts is its failure, a moment's fault is but logged.
    if (!isProgressing(row, desired) && attempt < attemptsBeforeError) throw error;
    return failed(one, error);
  }
  if (observed.is === 'unknown') return { ending: { kind: 'retry' }, outcome: 'waiting' };
  return isProgressing(row, desired) ? progress(one, observed) : keep(one, observed);
};

/** Something is still to be brought about, as opposed to being kept as it is. */
const isProgressing = (row: BotRow, desired: Desired): boolean => {
  switch (row.status) {
    case 'RUNNING':
    case 'DEGRADED':
      return desired.run !== 'RUNNING';
    case 'PAUSED':
    case 'STOPPED':
      return desired.run !== row.status;
    case 'CREATING':
    case 'PENDING':
    case 'RECONCILING':
    case 'ERROR':
    case 'DELETING':
      return true;
  }
};

/**
 * Bound to another machine. One reconciler leads for all machines, so that nobody looks after this bot meanwhile: that
 * is said, and nothing is touched. When its own machine leads, the bot is found again.
 */
const elsewhere = async (one: Case): Promise<Result> => {
  const { row, desired, target, context } = one;
  const why = `bound to machine ${row.node}; the reconciler that leads runs on machine ${target.node}`;
  if (isProgressing(row, desired)) return failed(one, new Rejected('reconciler.other-machine', `The bot is ${why}.`));
  const difference = { class: 'unreachable', path: 'node', desired: target.node, observed: why } as const;
  const items = [itemOf({ ...difference, owner: 'unknown' }, row, context)];
  await tellDrift(one, { observedHash: null, items, mode: 'detect' });
  return settled('not-ours');
};

const progress = async (one: Case, observed: Observation): Promise<Result> => {
  one.context.sightings.delete(one.row.bot_id);
  if (observed.is === 'foreign') {
    return failed(one, new Error(`Something that is not Molthub's is where this bot should be: ${observed.detail}`));
  }
  return bringAbout(one, observed, 'converged');
};

const bringAbout = async (one: Case, observed: Observation, outcome: Outcome): Promise<Result> => {
  const { target, desired, acts } = one;
  try {
    const actions = target.plan(desired, observed);
    if (actions.length > 0) await acts.carryOut(target, desired, observed, actions);
    const after = actions.length > 0 ? await acts.observe(target, desired) : observed;
    if (after.is === 'unknown') return { ending: { kind: 'retry' }, outcome: 'waiting' };
    if (after.is === 'running' && after.answers === 'not-yet' && desired.run !== 'STOPPED') {
      await tellStarted(one, after);
      return again(notReadyMs);
    }
    if (target.plan(desired, after).length > 0) throw new Error(leftOver(desired, after));
    await reached(one, after);
    return settled(outcome);
  } catch (error) {
    return failed(one, error);
  }
};

const leftOver = (desired: Desired, observed: Observation): string => {
  const [first] = differencesOf(desired, observed);
  const what = first ? `${first.class} ${first.path} is ${JSON.stringify(first.observed)}` : `it is ${observed.is}`;
  return `The bot is not as released after everything was done: ${what}`;
};

/** A process of its own is news as soon as it answers; a simulated bot has none. */
const tellStarted = async (one: Case, observed: Extract<Observation, { is: 'running' }>) => {
  const { row, desired, target } = one;
  if (row.simulated || (row.endpoint?.url === observed.endpoint.url && row.endpoint.pid === observed.endpoint.pid))
    return;
  await one.context.report(row, {
    kind: 'started',
    generation: desired.generation,
    endpoint: observed.endpoint,
    adopted: !one.acts.hasStarted(),
    node: target.node,
    steps: one.acts.takeSteps(),
  });
};

const reached = async (one: Case, observed: Observation) => {
  const { row, desired, acts, context } = one;
  if (desired.run === 'DESTROYED') return context.report(row, { kind: 'destroyed', steps: acts.takeSteps() });
  if (desired.run === 'STOPPED') {
    const reason = row.wanted === 'STOPPED' ? '' : 'the fleet is draining';
    return context.report(row, { kind: 'stopped', steps: acts.takeSteps(), reason });
  }
  if (observed.is !== 'running') return;
  await tellStarted(one, observed);
  await context.report(row, {
    kind: 'converged',
    generation: desired.generation,
    hash: desired.hash,
    endpoint: observed.endpoint,
    tokenReference: observed.tokenReference,
    applied: acts.applied(),
    restarts: observed.restarts,
    steps: acts.takeSteps(),
  });
  if (desired.run === 'PAUSED') await context.report(row, { kind: 'paused', steps: [] });
};

/** A settled bot: confirm what differs by a second look, say so, and heal it within reason. */
const keep = async (one: Case, observed: Observation): Promise<Result> => {
  const { row, desired, context, target } = one;
  const differences = differencesOf(desired, observed);
  const id = row.bot_id;
  if (differences.length === 0) {
    context.sightings.delete(id);
    if (observed.is === 'running' && observed.answers === 'not-yet') return again(notReadyMs);
    return inSync(one, observed);
  }
  const items = differences.slice(0, 100).map((difference) => itemOf(difference, row, context));
  const print = fingerprint(items);
  if (!isKnown(row, items) && context.sightings.get(id)?.of !== print) {
    context.sightings.set(id, { of: print, since: new Date(context.now()).toISOString() });
    return again(target.confirmMs);
  }
  context.sightings.delete(id);
  if (!differences.every(isDue)) {
    context.healing.drifted(id, row.fleet_id, context.botsOfFleet(row.fleet_id), context.now());
  }
  const refusal = whyNotHeal(one, observed, `${desired.generation} ${print}`);
  const observedHash = observed.is === 'running' ? observed.hash : null;
  const mode = refusal ? 'detect' : 'heal';
  await tellDrift(one, { observedHash, items, mode });
  if (!refusal) return bringAbout(one, observed, 'healed');
  return refusal.waitMs === null ? settled('drifted') : again(refusal.waitMs, 'drifted');
};

/** What the manifest itself asks for in time is no sign of a fault, however many bots it comes to at once. */
const isDue = ({ path }: Difference) => path === tokenAgePath;

/** Nothing is said twice of what is known already. */
const tellDrift = async (one: Case, seen: Omit<Extract<Report, { kind: 'drifted' }>, 'kind' | 'generation'>) => {
  const { row, desired, context } = one;
  if (isKnown(row, seen.items) && row.drift_mode === seen.mode) return;
  await context.report(row, { kind: 'drifted', generation: desired.generation, ...seen });
};

const isKnown = (row: BotRow, items: readonly DriftItem[]) =>
  row.drift.length > 0 && fingerprint(row.drift) === fingerprint(items);

/** Null when it may be healed; `waitMs` null when only a change elsewhere can allow it. */
const whyNotHeal = (one: Case, observed: Observation, key: string): { readonly waitMs: number | null } | null => {
  const { row, desired, context } = one;
  if (observed.is === 'foreign' || desired.resolved.spec.drift?.mode === 'detect') return { waitMs: null };
  if (context.fleetStatus(row.fleet_id) === 'PAUSED') return { waitMs: null };
  const permit = context.healing.permit(row.bot_id, row.fleet_id, key, context.now());
  if (permit.is === 'granted') return null;
  context.heldBack(row, permit.why);
  return { waitMs: permit.waitMs };
};

const inSync = async (one: Case, observed: Observation): Promise<Result> => {
  const { row } = one;
  if (observed.is !== 'running') return settled('unchanged');
  const isElsewhere = row.endpoint?.url !== observed.endpoint.url || row.endpoint.pid !== observed.endpoint.pid;
  if (row.drift.length === 0 && !isElsewhere) return settled('unchanged');
  // It came right by itself, or an adopted process answers at another address.
  await reached(one, observed);
  return settled(row.drift.length > 0 ? 'healed' : 'converged');
};

const itemOf = (
  difference: ReturnType<typeof differencesOf>[number],
  row: BotRow,
  context: ReconcileContext,
): DriftItem => {
  const known = row.drift.find((item) => item.path === difference.path && item.class === difference.class);
  const since = known?.since ?? context.sightings.get(row.bot_id)?.since ?? new Date(context.now()).toISOString();
  const { path, owner } = difference;
  return {
    class: difference.class,
    path,
    desired: asJson(difference.desired),
    observed: asJson(difference.observed),
    owner,
    since,
  };
};

/** What has no JSON form is not there. */
const asJson = (value: unknown): DriftItem['observed'] => JSON.parse(JSON.stringify(value ?? null) ?? 'null');

const failed = async (one: Pick<Case, 'row' | 'attempt' | 'context' | 'acts'>, error: unknown): Promise<Result> => {
  const { row, attempt, context, acts } = one;
  const isCancelled = context.cancelled?.(row.bot_id)?.aborted === true;
  // What was asked for meanwhile begins at once, and that this did not get there is nobody's failure.
  if (context.isStopping() || isCancelled) return { ending: { kind: 'retry' }, outcome: 'waiting' };
  const botError = acts.errorOf(error);
  await context.report(row, {
    kind: 'failed',
    generation: row.generation,
    error: botError,
    attempt,
    steps: acts.takeSteps(),
  });
  return { ending: { kind: botError.permanent ? 'blocked' : 'retry' }, outcome: 'failed' };
};
