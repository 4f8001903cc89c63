// From bots and a strategy to the facts of a plan: by a published version, a changed layer, or on request.
import {
  BotReleased,
  ChangeSetPlanned,
  ChangeSetRefused,
  ChangeSetStarted,
  ChangeSetSuperseded,
  type CommandOf,
  type CreateChangeSet,
  type Environment,
  type FactOf,
  type FleetStatus,
  type PlanLayers,
  type PlannedBot,
  PlanEntered,
  PlanRecorded,
  type PlanRelease,
  type Strategy,
  WaveStarted,
} from '@molthub/contracts';
import { type Placed, Rejected } from '@molthub/decider';
import type { Gathering } from '../gathering.ts';
import { planHash, recordPlan } from '../plan.ts';
import { isGoodVerdict } from '../verdict-age.ts';
import { assignWaves } from './assign-waves.ts';
import { checkPace, settleStrategy } from '@molthub/strategy';

export type Labels = Readonly<Record<string, string>>;

/** A bot that could be released: its newest published version against what it has now. */
export type Candidate = {
  readonly botId: string;
  readonly botName: string;
  readonly labels: Labels;
  readonly fleet: {
    readonly id: string;
    readonly name: string;
    readonly environment: Environment;
    readonly status: FleetStatus;
  };
  readonly before: PlannedBot['before'];
  readonly newest: PlannedBot['after'];
  /** The highest version ever released to it, and whether that one failed; null when none was. */
  readonly released: { readonly version: number; readonly failed: boolean } | null;
};

/** Another change set that is not over, and has some of the same bots. */
export type Conflict = {
  readonly changeSetId: string;
  readonly name: string;
  readonly bots: readonly string[];
  readonly isGoingBack: boolean;
  /** What it changes of some of these bots: the new versions would carry that with them, unjudged, or undo it. */
  readonly paths: readonly string[];
  /** Bots that it has moved and that the new plan does not have: nobody would judge them any more. */
  readonly leftOut: readonly string[];
};

export type Creating = {
  readonly candidates: readonly Candidate[];
  /** Names of targets that are pinned to what they run: they are left out. */
  readonly pinned: readonly string[];
  readonly unknownTargets: readonly string[];
  readonly conflicts: readonly Conflict[];
  /** What ranks the bots: the change set that is repeated, or else this one. */
  readonly lineageId: string;
};

export type PlanFact = FactOf<
  | typeof ChangeSetPlanned
  | typeof ChangeSetRefused
  | typeof PlanRecorded
  | typeof PlanEntered
  | typeof ChangeSetStarted
  | typeof ChangeSetSuperseded
  | typeof WaveStarted
  | typeof BotReleased
>;

/** Whether somebody has to judge its waves; otherwise it goes to its end at once. */
export const isStaged = (strategy: Strategy): boolean => strategy.kind !== 'ALL' || Object.keys(strategy).length > 1;

export const started = (changeSetId: string, bots: number, at: string): readonly PlanFact[] => [
  { type: ChangeSetStarted.type, data: { changeSetId } },
  { type: WaveStarted.type, data: { changeSetId, wave: 0, bots, at } },
];

export const planRelease = ({ data, time }: CommandOf<typeof PlanRelease>): readonly Placed<PlanFact>[] => {
  const { changeSetId, fleetId, fleetName, environment, fleetStatus, bot, waits } = data;
  // One bot is one wave, whatever cohorts its fleet has.
  const made = orProblem(() => settleStrategy(data.strategy));
  if (typeof made === 'string') return [refusedRelease(data, made)];
  const strategy = made;
  const planned: Placed<PlanFact>[] = [
    {
      type: ChangeSetPlanned.type,
      data: {
        changeSetId,
        name: `${bot.botName} version ${bot.after.version}`,
        fleetId,
        fleetName,
        environment,
        strategy,
        planHash: planHash({ changeSetId, fleetId, strategy, bots: [bot] }),
        bots: 1,
        waves: 1,
        origin: 'release',
        ...(waits === undefined ? {} : { notes: [waits] }),
        author: data.author,
        reason: data.reason,
      },
    },
    ...recordPlan(changeSetId, [bot]),
  ];
  // A paused or draining fleet takes no rollouts: the plan waits until the fleet is active again.
  if (!takesRollouts(fleetStatus) || waits !== undefined || needsLeave(strategy)) return planned;
  const running = [...planned, ...started(changeSetId, 1, time)];
  // Policy judged it a moment ago. Where it did not, `advance` asks policy first.
  if (!isGoodVerdict(data.judgedAt, time)) return running;
  return [
    ...running,
    {
      type: BotReleased.type,
      stream: `release-${changeSetId}-${bot.botId}`,
      data: {
        changeSetId,
        wave: bot.wave,
        direction: 'forward',
        botId: bot.botId,
        botName: bot.botName,
        fleetId,
        fleetName,
        fleetStatus,
        environment,
        ...bot.after,
        resolved: data.resolved,
      },
    },
  ];
};

/** What nobody waits for is refused by a fact, so that it is seen. */
const refusedRelease = (
  {
    changeSetId,
    fleetId,
    fleetName,
    environment,
    strategy,
    bot,
    author,
    reason,
  }: CommandOf<typeof PlanRelease>['data'],
  problem: string,
): PlanFact => ({
  type: ChangeSetRefused.type,
  data: {
    changeSetId,
    name: `${bot.botName} version ${bot.after.version}`,
    fleetId,
    fleetName,
    environment,
    strategy,
    planHash: planHash({ changeSetId, fleetId, strategy, bots: [bot] }),
    refused: 1,
    refusedBots: [{ botId: bot.botId, botName: bot.botName, code: 'rollout.strategy-refused', message: problem }],
    author,
    reason,
    message: `The strategy of the fleet cannot work: ${problem}`.slice(0, 1_000),
  },
});

export const takesRollouts = (status: FleetStatus | null): boolean => status !== 'PAUSED' && status !== 'DRAINING';

/** Before its first wave: somebody's approval, or an hour at which waves may start. */
const needsLeave = ({ gates }: Strategy): boolean => gates?.approval !== undefined || gates?.window !== undefined;

const refusedBotsMax = 100;

/** What a changed layer brings to the bots of one fleet: all that were published go together, as the fleet releases. */
export const planLayers = ({
  data: { changeSetId },
  time,
  gathering,
}: CommandOf<typeof PlanLayers> & { readonly gathering: Gathering }): readonly PlanFact[] => {
  const { name, fleetId, fleetName, fleetStatus, environment, author, reason, release, refused } = gathering;
  const made = inWaves(changeSetId, release.strategy, gathering.bots);
  const { strategy, bots, notes } = 'problem' in made ? { strategy: release.strategy, bots: [], notes: [] } : made;
  const said = {
    changeSetId,
    name,
    fleetId,
    fleetName,
    environment,
    strategy,
    planHash: planHash({ changeSetId, fleetId, strategy, bots }),
    refused: refused.length,
    refusedBots: refused.slice(0, refusedBotsMax),
    author,
    reason,
  };
  if (bots.length === 0) {
    const message =
      'problem' in made
        ? `The strategy of the fleet does not fit its bots: ${made.problem}`
        : `${refused.length === 1 ? '1 bot was' : `${refused.length} bots were`} refused: ${refused[0]?.message ?? ''}`;
    return [{ type: ChangeSetRefused.type, data: { ...said, message: message.slice(0, 1_000) } }];
  }
  const isAutomatic = release.mode === 'auto';
  const origin = isAutomatic ? 'release' : 'request';
  const first = bots.filter(({ wave }) => wave === 0).length;
  const starts = isAutomatic && takesRollouts(fleetStatus) && !needsLeave(strategy);
  return [
    {
      type: ChangeSetPlanned.type,
      data: { ...said, bots: bots.length, waves: wavesOf(bots), origin, ...noted(notes) },
    },
    ...recordPlan(changeSetId, bots),
    ...(starts ? started(changeSetId, first, time) : []),
  ];
};

export const create = (command: CommandOf<typeof CreateChangeSet> & Creating): readonly Placed<PlanFact>[] => {
  const { changeSetId, name, reason } = command.data;
  if (command.unknownTargets.length > 0) {
    throw new Rejected(
      'rollout.target-not-found',
      'Some targets do not exist or have no published version; leave them out.',
      command.unknownTargets.map((id) => ({ path: 'targets', code: 'not-found', message: `${id} is not known here.` })),
    );
  }
  // A bot moves if its newest version was never released to it, or was and failed.
  const moving = command.candidates.filter(
    ({ newest, released }) => !released || released.version < newest.version || released.failed,
  );
  const fleet = moving[0]?.fleet;
  if (!fleet) {
    throw new Rejected(
      'rollout.nothing-to-release',
      'Every target already runs, or is about to run, its newest published version. Publish a new one first.',
    );
  }
  if (moving.some((bot) => bot.fleet.id !== fleet.id)) {
    throw new Rejected('rollout.several-fleets', 'The bots are of several fleets; make one change set for each fleet.');
  }
  const superseded = settleConflicts(command);
  const asked = command.data.retryOf === undefined ? command.data.strategy : narrowed(command.data.strategy, moving);
  const made = planned(command.lineageId, asked, moving.map(plannable));
  const { strategy, bots } = made;
  const notes = [...pinnedNote(command.pinned), ...made.notes];
  return [
    {
      type: ChangeSetPlanned.type,
      data: {
        changeSetId,
        name,
        fleetId: fleet.id,
        fleetName: fleet.name,
        environment: fleet.environment,
        strategy,
        planHash: planHash({ changeSetId, fleetId: fleet.id, strategy, bots }),
        bots: bots.length,
        waves: wavesOf(bots),
        origin: 'request',
        ...(command.lineageId === changeSetId ? {} : { lineageId: command.lineageId }),
        ...noted(notes),
        author: command.actor,
        reason,
      },
    },
    ...recordPlan(changeSetId, bots),
    ...superseded,
    ...(isStaged(strategy) ? [entered(changeSetId, fleet.id)] : []),
  ];
};

/** The list of a fleet's plans: one that is made while another is entered is made again, and then knows of it. */
export const plansStream = (fleetId: string): string => `plans-${fleetId}`;
const entered = (changeSetId: string, fleetId: string): Placed<PlanFact> => ({
  type: PlanEntered.type,
  stream: plansStream(fleetId),
  data: { changeSetId, fleetId },
});

/** Canaries that were named or labelled may not be among those that are done again; then one of these goes first. */
const narrowed = (strategy: Strategy, moving: readonly Candidate[]): Strategy => {
  if (strategy.kind !== 'CANARY') return strategy;
  const { canary } = strategy;
  if ('botInstanceIds' in canary) {
    const left = canary.botInstanceIds.filter((id) => moving.some(({ botId }) => botId === id));
    return { ...strategy, canary: left.length > 0 ? { botInstanceIds: left } : { count: 1 } };
  }
  if (!('labels' in canary)) return strategy;
  const wanted = Object.entries(canary.labels);
  const isThere = moving.some(({ labels }) => wanted.every(([key, value]) => labels[key] === value));
  return isThere ? strategy : { ...strategy, canary: { count: 1 } };
};

const pinnedNote = (names: readonly string[]): readonly string[] => {
  if (names.length === 0) return [];
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return [`Left out, since they are pinned: ${names.slice(0, 5).join(', ')}${more}.`];
};

const firstOf = (all: readonly string[]): string =>
  `${all.slice(0, 5).join(', ')}${all.length > 5 ? ` and ${all.length - 5} more` : ''}`;

const settleConflicts = ({
  data: { changeSetId, onConflict = 'REFUSE' },
  conflicts,
}: CommandOf<typeof CreateChangeSet> & Creating): readonly Placed<PlanFact>[] => {
  if (conflicts.length > 0 && onConflict === 'REFUSE') {
    throw new Rejected(
      'rollout.conflict',
      'Some of these bots are in another change set that is not over: wait for it, abort it, leave them out, or take its place with onConflict SUPERSEDE.',
      conflicts.map(({ changeSetId: id, name, bots, paths }) => ({
        path: 'targets',
        code: 'conflict',
        message: `${name} (${id}) has ${firstOf(bots)}${paths.length === 0 ? '' : `, and changes ${firstOf(paths)}`}.`,
      })),
    );
  }
  const goingBack = conflicts.find(({ isGoingBack }) => isGoingBack);
  // Half of its bots would stay at what it takes them back from.
  if (goingBack) {
    throw new Rejected(
      'rollout.conflict',
      `${goingBack.name} (${goingBack.changeSetId}) takes its bots back; wait until it has.`,
    );
  }
  const leaving = conflicts.find(({ leftOut }) => leftOut.length > 0);
  if (leaving) {
    const names = leaving.leftOut.slice(0, 5).join(', ');
    throw new Rejected(
      'rollout.conflict',
      `${leaving.name} (${leaving.changeSetId}) has moved bots that are not in this plan (${names}); add them, or wait for it.`,
    );
  }
  return conflicts.map(({ changeSetId: id }) => ({
    type: ChangeSetSuperseded.type,
    stream: `change-set-${id}`,
    data: { changeSetId: id, byChangeSetId: changeSetId },
  }));
};

const plannable = ({ botId, botName, labels, before, newest }: Candidate): Plannable => ({
  botId,
  botName,
  labels,
  before,
  after: newest,
});

/** A bot with what decides its wave. */
type Plannable = Omit<PlannedBot, 'wave'> & { readonly labels: Labels };
type Made = { readonly strategy: Strategy; readonly bots: readonly PlannedBot[]; readonly notes: readonly string[] };

/** The bots in the order of their waves. Throws where the strategy does not fit them. */
const planned = (salt: string, asked: Strategy, bots: readonly Plannable[]): Made => {
  const strategy = settleStrategy(asked);
  checkPace(strategy, bots.length);
  const { waves, notes } = assignWaves(strategy, bots, salt);
  const byId = new Map(bots.map((bot) => [bot.botId, bot]));
  return {
    strategy,
    notes,
    bots: waves.flatMap((ids, wave) =>
      ids.flatMap((id) => {
        const bot = byId.get(id);
        return bot ? [{ botId: id, botName: bot.botName, wave, before: bot.before, after: bot.after }] : [];
      }),
    ),
  };
};

/** The same, with what does not fit as an answer: nobody waits for the refusal of what starts by itself. */
const inWaves = (salt: string, strategy: Strategy, bots: readonly Plannable[]): Made | { readonly problem: string } => {
  if (bots.length === 0) return { strategy, bots: [], notes: [] };
  const made = orProblem(() => planned(salt, strategy, bots));
  return typeof made === 'string' ? { problem: made } : made;
};

/** What is made, or why it cannot be. */
const orProblem = <T>(make: () => T): T | string => {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return [error.message, ...error.errors.map(({ path, message }) => `${path}: ${message}`)].join(' ');
  }
};

const wavesOf = (bots: readonly PlannedBot[]): number => Math.max(...bots.map(({ wave }) => wave)) + 1;
const noted = (notes: readonly string[]) => (notes.length === 0 ? {} : { notes: notes.slice(0, 20) });
