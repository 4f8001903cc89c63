// Keeps the server at what is merged in a git repository: fetches, and applies each new commit as a plan.
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import pc from 'picocolors';
import { CliError, exitCodes, usageError } from '../cli-error.ts';
import type { Client } from '../client.ts';
import { sumText } from '../diff-items.ts';
import { plainRef } from '../git.ts';
import { note, print } from '../output.ts';
import { ownerOf } from '../ownership.ts';
import { printable, printableJson } from '../printable.ts';
import { clientFor, formatOf } from '../session.ts';
import { type SyncOptions, syncCommit } from '../sync-commit.ts';
import { lookAgain, type Waiting } from '../sync-waiting.ts';
import * as state from '../sync-state.ts';

type Options = {
  readonly repo: string;
  readonly ref: string;
  readonly path: string;
  readonly owner: string;
  readonly prune?: boolean;
  readonly once?: boolean;
  readonly interval: number;
  readonly timeout: number;
  readonly state?: string;
  readonly notes?: boolean;
};

type Work = {
  readonly client: Client;
  readonly folder: string;
  readonly place: state.SyncPlace;
  readonly options: SyncOptions & { readonly isOnce: boolean; readonly notes: boolean };
  readonly show: (status: state.SyncStatus | state.Tried) => void;
};

export const sync = async (given: Options, command: Command): Promise<void> => {
  const format = formatOf(command);
  if (given.repo.startsWith('-')) throw usageError('--repo is an address or a folder');
  const owner = ownerOf(given.owner);
  const { client, environment } = await clientFor(command);
  const { server } = client.connection;
  const place = { repo: placeOf(given.repo), ref: plainRef(given.ref), path: folderIn(given.path), owner, server };
  const folder = given.state ?? state.syncFolder(environment.home, place);
  const stop = stopSignal();
  const work: Work = {
    client,
    folder,
    place,
    options: {
      path: place.path,
      owner,
      prune: given.prune === true,
      waitMs: given.timeout * 1_000,
      stop,
      tell: note,
      isOnce: given.once === true,
      notes: given.notes === true,
    },
    show: (status) => print(format === 'table' ? statusText(status) : printableJson(status)),
  };
  await state.openMirror(folder);
  if (given.once === true) {
    if (!(await once(work))) process.exitCode = exitCodes.failed;
    return;
  }
  note(`watching ${state.shownRepo(place.repo)} ${place.ref} every ${given.interval} s; Ctrl-C ends it`);
  await watch(work, given.interval * 1_000);
};

/** The first signal lets what was begun be finished; the second ends everything. */
const stopSignal = (): AbortSignal => {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      note('ending; what was sent is finished first');
      stopping.abort();
    });
  }
  return stopping.signal;
};

const watch = async (work: Work, intervalMs: number): Promise<void> => {
  const { stop } = work.options;
  while (!stop.aborted) {
    try {
      await once(work);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      note(`${pc.red('not synced:')} ${printable(error.message)}; trying again`);
    }
    await wait(intervalMs, undefined, { signal: stop }).catch((error: unknown) => {
      if (!stop.aborted) throw error;
    });
  }
};

/**
 * Tries the newest commit, once: what came of it stands, unless the server did not answer or the work was cut short.
 * Answers whether everything that it asks for has reached its bots.
 */
const once = async (work: Work): Promise<boolean> => {
  const { client, folder, place, options, show } = work;
  const commit = await fetched(folder, place, options.stop);
  if (commit === undefined) return false;
  const tried = await state.lastTried(folder);
  if (tried?.commit === commit && state.isTriedAt(tried, place) && isFinal(tried.outcome)) return again(work, tried);
  const git = await state.openMirror(folder);
  const result = await syncCommit(client, git, commit, options);
  const { server, repo, ...where } = place;
  const status = {
    commit,
    subject: await state.subjectOf(git, commit),
    repo: state.shownRepo(repo),
    ...where,
    at: new Date().toISOString(),
    ...result,
  };
  await state.keepStatus(folder, status, server);
  show(status);
  if (options.notes && isFinal(result.outcome)) await noted(folder, place, status, options.stop);
  return result.outcome === 'applied' && result.waiting.length === 0;
};

/** A commit that was tried already is not applied again; with --once, the bots that it waits for are looked at again. */
const again = async ({ client, folder, place, options, show }: Work, tried: state.Tried): Promise<boolean> => {
  const more = tried.outcome === 'applied' ? '' : '; push another commit';
  if (options.isOnce || more !== '') note(`${tried.commit.slice(0, 12)} is ${tried.outcome} already${more}`);
  if (!options.isOnce || tried.outcome !== 'applied') return false;
  if (tried.waiting.length === 0) return true;
  const status = { ...tried, waiting: [...(await lookAgain(client, tried.waiting, options))] };
  await state.keepStatus(folder, status, place.server);
  show(status);
  return status.waiting.length === 0;
};

const fetched = async (folder: string, place: state.SyncPlace, stop: AbortSignal): Promise<string | undefined> => {
  try {
    return await state.fetchHead(folder, place, stop);
  } catch (error) {
    if (stop.aborted) return undefined;
    if (error instanceof CliError) throw new CliError(state.shownRepo(error.message), { cause: error });
    throw new CliError('git fetch: no answer in two minutes', { cause: error });
  }
};

/** A folder by its whole path, since git works in another one; addresses as they are. */
const placeOf = (repo: string): string => (/^[a-z][a-z0-9+.-]*:\/\/|^[^/]+:/i.test(repo) ? repo : resolve(repo));

/** What came of the commit stands, whether or not the repository takes a note of it. */
const noted = async (...[folder, place, status, stop]: Parameters<typeof state.pushNote>): Promise<void> => {
  try {
    await state.pushNote(folder, place, status, stop);
  } catch (error) {
    const why = error instanceof CliError ? state.shownRepo(error.message) : 'no answer in time';
    note(`${pc.yellow('no note was pushed:')} ${printable(why)}`);
  }
};

const isFinal = (outcome: string): boolean => ['applied', 'broken', 'refused'].includes(outcome);

const folderIn = (path: string): string => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || path.startsWith('/'))
    throw usageError('--path is a folder below the top of the repository');
  return parts.join('/');
};

type Shown = Pick<state.SyncStatus, 'commit' | 'subject' | 'outcome' | 'counts' | 'problems' | 'waiting'>;

const statusText = ({ commit, subject, outcome, counts, problems, waiting }: Shown): string => {
  const colour = outcome === 'applied' ? pc.green : pc.red;
  const about = ({ path, message }: { path: string; message: string }) =>
    `  ${printable(path === '' ? message : `${path}: ${message}`)}`;
  const sum = outcome === 'broken' ? 'nothing was changed' : sumText(counts);
  const head = `${commit.slice(0, 12)} ${colour(outcome)}: ${printable(subject)} (${sum})`;
  return [head, ...problems.map(about), ...waitingLines(waiting)].join('\n');
};

const states = [
  ['late', 'late'],
  ['failed', 'failed'],
  ['manual', 'manual (a person starts it)'],
] as const;

/** How many are late, failed, or wait for a person, and then each of them. */
const waitingLines = (waiting: readonly Waiting[]): string[] => {
  const counts = states.flatMap(([state, words]) => {
    const count = waiting.filter((one) => one.state === state).length;
    return count === 0 ? [] : [`${count} ${words}`];
  });
  if (counts.length === 0) return [];
  const lines = waiting.map(({ state, path, message }) => `    ${printable(`${state}: ${path}: ${message}`)}`);
  return [pc.yellow(`  not there yet: ${counts.join(', ')}`), ...lines];
};
