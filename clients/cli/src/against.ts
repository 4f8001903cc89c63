// What a folder's documents say, compared with what they say in a commit: the check for pull requests, without a server.
import { realpath, stat } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { CliError } from './cli-error.ts';
import { codeOf } from './connection.ts';
import type { Desired } from './desired.ts';
import { type DiffItem, shown } from './diff-items.ts';
import { documentKinds } from './document-kinds.ts';
import { differences } from './differences.ts';
import { commitOf, gitIn, sourcesInCommit } from './git.ts';
import { desiredIn } from './manifest-files.ts';

/** What the documents at a path said in a commit; nothing where the path was not there. */
export const desiredAt = async (path: string, ref: string): Promise<Desired[]> => {
  const real = await realpath(path).catch((error: unknown) => {
    throw new CliError(`cannot read ${path}: ${codeOf(error)}`, { cause: error });
  });
  const folder = (await stat(real)).isDirectory() ? real : dirname(real);
  const git = gitIn(folder);
  const top = String(await git.run(['rev-parse', '--show-toplevel'])).trim();
  const commit = await commitOf(git, ref);
  return desiredIn(await sourcesInCommit(git, commit, relative(await realpath(top), real)));
};

/** One item per thing that either side describes, in the order of the kinds; what is gone comes last. */
export const compared = (before: readonly Desired[], after: readonly Desired[]): DiffItem[] => {
  const was = new Map(before.map((one) => [one.title, one]));
  const is = new Set(after.map(({ title }) => title));
  const ordered = documentKinds.flatMap((kind) => after.filter((one) => one.kind === kind));
  const gone = documentKinds
    .toReversed()
    .flatMap((kind) => before.filter((one) => one.kind === kind && !is.has(one.title)));
  return [
    ...ordered.map((one): DiffItem => itemFor(one, was.get(one.title))),
    ...gone.map(({ title, kind }): DiffItem => ({ title, kind: kind.kind, action: 'delete' })),
  ];
};

const itemFor = ({ title, kind, document }: Desired, was: Desired | undefined): DiffItem => {
  const about = { title, kind: kind.kind };
  if (was === undefined) return { ...about, action: 'create' };
  const changes = differences(was.document, document).map(shown);
  return changes.length === 0 ? { ...about, action: 'unchanged' } : { ...about, action: 'change', changes };
};
