// What `sync` keeps between its runs: the repository's commits, and what came of each that it tried.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError } from './cli-error.ts';
import { codeOf } from './connection.ts';
import { commitOf, type Git, gitIn, plainRef } from './git.ts';
import { Action } from './plan.ts';
import type { SyncProblem } from './sync-check.ts';
import { type CommitResult, Outcome } from './sync-commit.ts';
import { Waiting } from './sync-waiting.ts';

export type SyncStatus = CommitResult & {
  readonly commit: string;
  readonly subject: string;
  readonly repo: string;
  readonly ref: string;
  readonly path: string;
  readonly owner: string;
  readonly at: string;
};

const Problem = z.looseObject({ path: z.string(), message: z.string() });
const Tried = z.looseObject({
  commit: z.string(),
  subject: z.string(),
  at: z.string(),
  outcome: Outcome,
  counts: z.record(Action, z.int()),
  problems: z.array(Problem),
  waiting: z.array(Waiting),
  repo: z.string(),
  ref: z.string(),
  path: z.string(),
  owner: z.string(),
  server: z.string(),
});
export type Tried = z.infer<typeof Tried>;

export type SyncPlace = {
  readonly repo: string;
  readonly ref: string;
  readonly path: string;
  readonly owner: string;
  readonly server: string;
};

/** A folder for each repository, branch, folder, owner and server. */
export const syncFolder = (home: string, { repo, ref, path, owner, server }: SyncPlace): string => {
  const name = createHash('sha256')
    .update(JSON.stringify([repo, ref, path, owner, server]))
    .digest('hex')
    .slice(0, 16);
  return join(home, 'sync', name);
};

/** The mirror of a repository, bare: nothing of it is ever checked out. */
export const openMirror = async (folder: string): Promise<Git> => {
  const mirror = join(folder, 'repo.git');
  try {
    await mkdir(mirror, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CliError(`cannot make ${mirror}: ${codeOf(error)}; --state names another folder`, { cause: error });
  }
  const isThere = await stat(join(mirror, 'HEAD')).then(
    () => true,
    () => false,
  );
  if (!isThere) await gitIn(mirror).run(['init', '-q', '--bare']);
  return gitIn(mirror);
};

const head = 'refs/molthub/head';

/** Fetches what a branch or tag points to now, and answers the commit. A fetch that was cut short leaves what was there. */
export const fetchHead = async (folder: string, { repo, ref }: SyncPlace, stop: AbortSignal): Promise<string> => {
  const git = gitIn(join(folder, 'repo.git'), AbortSignal.any([stop, AbortSignal.timeout(fetchMsMax)]));
  await git.run(['fetch', '-q', '--no-tags', '--force', '--', repo, `+${plainRef(ref)}:${head}`]);
  return commitOf(git, head);
};

const fetchMsMax = 120_000;

export const subjectOf = async (git: Git, commit: string): Promise<string> =>
  String(await git.run(['log', '-1', '--format=%s', commit]))
    .trim()
    .slice(0, 200);

/** The newest commit that was tried, or undefined. */
export const lastTried = async (folder: string): Promise<Tried | undefined> => {
  const file = join(folder, 'status.json');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new CliError(`cannot read ${file}: ${codeOf(error)}`, { cause: error });
  });
  if (text === undefined) return undefined;
  try {
    return Tried.parse(JSON.parse(text));
  } catch (error) {
    throw new CliError(`${file} is not what sync writes there; remove it`, { cause: error });
  }
};

/** Whole or not at all: as the newest, and under its commit. */
export const keepStatus = async (folder: string, status: SyncStatus | Tried, server: string): Promise<void> => {
  const text = `${JSON.stringify({ ...status, server }, null, 2)}\n`;
  await mkdir(join(folder, 'commits'), { recursive: true });
  for (const file of [join('commits', `${status.commit}.json`), 'status.json']) {
    const beside = join(folder, `${file}.new`);
    await writeFile(beside, text, { mode: 0o600 });
    await rename(beside, join(folder, file));
  }
};

/** Whether it was tried for the same folder, owner and server: a state folder may be given to several. */
export const isTriedAt = (tried: Tried, { repo, ...place }: SyncPlace): boolean => {
  const same = { repo: shownRepo(repo), ...place };
  return (['repo', 'ref', 'path', 'owner', 'server'] as const).every((key) => tried[key] === same[key]);
};

const notes = 'refs/notes/molthub';

/** Puts what came of a commit beside it in the repository itself: `git log --notes=molthub` shows it to whoever fetches. */
export const pushNote = async (
  folder: string,
  { repo }: SyncPlace,
  status: SyncStatus,
  stop: AbortSignal,
): Promise<void> => {
  const git = gitIn(join(folder, 'repo.git'), AbortSignal.any([stop, AbortSignal.timeout(fetchMsMax)]));
  // With a star, since a repository that has no notes yet is no mistake.
  await git.run(['fetch', '-q', '--no-tags', '--force', '--', repo, `+${notes}*:${notes}*`]);
  const author = ['-c', 'user.name=molthub', '-c', 'user.email=molthub@localhost'];
  const text = `${JSON.stringify(noteOf(status), null, 2)}\n`;
  await git.run([...author, 'notes', '--ref=molthub', 'add', '-f', '-F', '-', status.commit], text);
  await git.run(['push', '-q', '--', repo, `${notes}:${notes}`]);
};

/**
 * What of a status may leave the machine: messages are the server's, and may repeat a value that is a secret, so that of
 * a problem only the place is told.
 */
export const noteOf = ({ problems, waiting, ...status }: SyncStatus): object => {
  const placeOf = ({ path, field }: SyncProblem) => ({ path, ...(field === undefined ? {} : { field }) });
  return {
    ...status,
    problems: problems.map(placeOf),
    waiting: waiting.map(({ path, state }) => ({ path, state })),
  };
};

/** An address without the password in it. */
export const shownRepo = (repo: string): string => repo.replace(/\/\/[^/@]*@/, '//•••@');
