// Change sets: planning one, where one stands, and everything that a person may do to one.
import type { Strategy } from '@molthub/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { Bot, ChangeSet, ChangeSetStatus, Fleet, Loose, PlannedBot } from '../answers.ts';
import { isEnded, watchChangeSet } from '../change-set.ts';
import { planText, statusText, waveProgress } from '../change-set-text.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Client } from '../client.ts';
import { concurrently } from '../concurrently.ts';
import { find, findBot, Identified } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { note, print, status as coloured, table } from '../output.ts';
import { printable } from '../printable.ts';
import { type Session, sessionOf } from '../session.ts';
import { type StrategyOptions, strategyFrom } from '../strategy-options.ts';

type PlanOptions = StrategyOptions & {
  readonly bot?: readonly string[];
  readonly name?: string;
  readonly reason: string;
  readonly supersede?: boolean;
  readonly start?: boolean;
  readonly timeout: number;
};

const asksAtOnce = 8;
const pathOf = (id: string): string => `/change-sets/${encodeURIComponent(id)}`;
const plannedBots = (client: Client, id: string) => client.all(PlannedBot, `${pathOf(id)}/plan`);

export const plan = async (fleetName: string | undefined, options: PlanOptions, command: Command): Promise<void> => {
  const asked = await strategyFrom(options);
  const session = await sessionOf(command);
  const { client, show, format } = session;
  const { fleet, targets } = await targetsOf(client, fleetName, options.bot ?? []);
  const strategy: Strategy = asked ?? fleet.release?.strategy ?? { kind: 'ALL' };
  const body = {
    name: options.name ?? `rollout of ${fleet.name}`,
    targets,
    strategy,
    ...(options.supersede === true ? { onConflict: 'SUPERSEDE' } : {}),
    reason: options.reason,
  };
  const changeSet = await client.post(ChangeSet, '/change-sets', body, pathOf);
  const start = options.start === true;
  // A program reads one value: with --start that is how it ended.
  if (!start || format === 'table') await showPlan(session, changeSet);
  if (!start) return note(nextStep(changeSet));
  await client.post(Loose, `${pathOf(changeSet.id)}/start`, {});
  await follow({ client, show }, changeSet.id, options.timeout);
};

const targetsOf = async (client: Client, fleetName: string | undefined, names: readonly string[]) => {
  if ((fleetName === undefined) === (names.length === 0)) {
    throw usageError('name a fleet, or bots of one with --bot');
  }
  if (fleetName !== undefined) {
    const fleet = await find(client, kindOf('fleets'), fleetName, Fleet);
    return { fleet, targets: { fleetId: fleet.id } };
  }
  const bots = await concurrently(names, asksAtOnce, (name): Promise<Bot> => findBot(client, name));
  const fleetIds = new Set(bots.map(({ fleetId }) => fleetId));
  const [fleetId, other] = fleetIds;
  if (fleetId === undefined || other !== undefined) throw usageError('bots of one plan are of one fleet');
  const fleet = await client.get(Fleet, `/fleets/${fleetId}`);
  return { fleet, targets: { botInstanceIds: bots.map(({ id }) => id) } };
};

const showPlan = async ({ client, show }: Session, changeSet: ChangeSet): Promise<void> => {
  const bots = await plannedBots(client, changeSet.id);
  show({ ...changeSet, plan: bots }, () => planText(changeSet, bots));
};

const nextStep = ({ id, status }: ChangeSet): string =>
  status === 'AWAITING_APPROVAL'
    ? `somebody else approves it first: molthub rollout approve ${id}`
    : `molthub rollout start ${id} starts it`;

type Follow = Pick<Session, 'client' | 'show'>;

/** Shows how a change set goes until it ended; anything but SUCCEEDED is a failure. */
const follow = async ({ client, show }: Follow, id: string, timeoutS: number): Promise<void> => {
  const seen = await watchChangeSet(client, id, timeoutS * 1_000, { tells: true });
  await showStatus({ client, show }, id, seen);
  if (!isEnded(seen)) throw new CliError(`the change set is ${seen.status} after ${timeoutS} s; it goes on by itself`);
  if (seen.status !== 'SUCCEEDED') throw new CliError(`the change set ended as ${seen.status}`);
};

const showStatus = async ({ client, show }: Follow, id: string, seen: ChangeSetStatus): Promise<void> => {
  const progress = waveProgress(seen, await plannedBots(client, id));
  show({ id, ...seen, waveProgress: progress }, () => statusText(seen, progress));
};

export const status = async (
  id: string,
  options: { watch?: boolean; timeout: number },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  if (options.watch === true) return follow({ client, show }, id, options.timeout);
  await showStatus({ client, show }, id, await client.get(ChangeSetStatus, `${pathOf(id)}/status`));
};

/** start, abort, rollback, pause, resume, skip-analysis, complete, fail. */
export const act = async (verb: string, id: string, options: { reason: string }, command: Command): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const body = options.reason === '' ? {} : { reason: options.reason };
  const answer = await client.post(Loose, `${pathOf(id)}/${verb}`, body, () => pathOf(id));
  show(answer, () => `${verb} accepted`);
  note(`molthub rollout status ${printable(id)} --watch shows how it goes`);
};

const Promoted = z.looseObject({ promoted: z.boolean().optional() });

export const promote = async (
  id: string,
  { wave, reason }: { wave?: number; reason: string },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  // People count waves from 1.
  const body = { reason, ...(wave === undefined ? {} : { wave: wave - 1 }) };
  const answer = await client.post(Promoted, `${pathOf(id)}/promote`, body, () => pathOf(id));
  show(answer, () =>
    answer.promoted === false
      ? 'nothing was promoted: that wave is over, or somebody else has promoted it'
      : 'promote accepted',
  );
  note(`molthub rollout status ${printable(id)} --watch shows how it goes`);
};

const Judged = z.looseObject({ status: z.string(), planHash: z.string() });

/** Approves or declines exactly the plan of a hash: the one that was named, or the one that there is. */
export const judge = async (
  verb: string,
  id: string,
  options: { planHash?: string; reason: string },
  command: Command,
): Promise<void> => {
  const { client, show } = await sessionOf(command);
  const planHash = options.planHash ?? (await client.get(Judged, pathOf(id))).planHash;
  const body = { planHash, reason: options.reason };
  const judged = await client.post(Judged, `${pathOf(id)}/${verb}`, body, () => pathOf(id));
  show(judged, () => `${verb} accepted: ${coloured(judged.status)}`);
  note(`plan ${printable(planHash)}`);
};

export const retry = async (id: string, options: { reason: string }, command: Command): Promise<void> => {
  const session = await sessionOf(command);
  const changeSet = await session.client.post(ChangeSet, `${pathOf(id)}/retry`, { reason: options.reason }, pathOf);
  await showPlan(session, changeSet);
  note(nextStep(changeSet));
};

export const list = async (
  options: { fleet?: string; status?: string; limit: number },
  command: Command,
): Promise<void> => {
  const { client, show, format } = await sessionOf(command);
  const kind = kindOf('change-sets');
  const query = {
    ...(options.fleet === undefined
      ? {}
      : { fleetId: (await find(client, kindOf('fleets'), options.fleet, Identified)).id }),
    ...(options.status === undefined ? {} : { status: options.status.toUpperCase() }),
  };
  const found = await client.all(Loose, kind.path, query, options.limit);
  if (format === 'table' && found.length === 0) return print('no change sets');
  show(found, () => table(kind.columns, found));
};
