// What would change: files against the server, files against a commit, or one version of a bot's manifest against another.
import type { Command } from 'commander';
import { z } from 'zod';
import { compared, desiredAt } from '../against.ts';
import { exitCodes, orUndone, usageError } from '../cli-error.ts';
import { diffMarkdown } from '../diff-markdown.ts';
import { countsOf, type DiffItem, diffText, hasChanges, shown } from '../diff-items.ts';
import { itemOf } from '../diff-items.ts';
import { findBot } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { desiredFrom, desiredIn } from '../manifest-files.ts';
import { encoded, print } from '../output.ts';
import { ownerOf } from '../ownership.ts';
import { planFor } from '../read-plan.ts';
import { clientFor, formatOf, isMarkdown } from '../session.ts';
import { sourceFiles } from '../source-files.ts';

type Options = {
  readonly file?: readonly string[];
  readonly against?: string;
  readonly owner?: string;
  readonly prune?: boolean;
  readonly from?: number;
  readonly to?: number;
};

/** Ends with 0 where nothing would change, with 1 where something would, with 2 where that cannot be said. */
export const diff = (
  kind: string | undefined,
  name: string | undefined,
  options: Options,
  command: Command,
): Promise<void> => orUndone(differs(kind, name, options, command));

const differs = async (
  kind: string | undefined,
  name: string | undefined,
  options: Options,
  command: Command,
): Promise<void> => {
  const items = await itemsFor(kind, name, options, command);
  const counts = countsOf(items);
  if (isMarkdown(command)) print(diffMarkdown(items));
  else {
    const format = formatOf(command);
    print(format === 'table' ? diffText(items) : encoded(format, { counts, items }));
  }
  if (hasChanges(counts) || counts.impossible > 0) process.exitCode = exitCodes.failed;
};

const itemsFor = async (
  kind: string | undefined,
  name: string | undefined,
  options: Options,
  command: Command,
): Promise<DiffItem[]> => {
  const { file, against } = options;
  if (kind !== undefined) {
    if (name === undefined || file !== undefined)
      throw usageError('use diff bot <name> --from 1 --to 2, or diff -f <path>');
    return versions(kind, name, options, command);
  }
  if (file === undefined) throw usageError('say what to compare: -f <path>, or bot <name>');
  if (against !== undefined) {
    const [path, ...more] = file;
    if (path === undefined || more.length > 0 || path === '-')
      throw usageError('--against compares one file or folder');
    const before = await desiredAt(path, against);
    return compared(before, await desiredIn(await sourceFiles([path])));
  }
  const owner = options.owner === undefined ? undefined : ownerOf(options.owner);
  if (options.prune === true && owner === undefined) throw usageError('--prune needs --owner');
  const desired = await desiredFrom(file);
  const { client } = await clientFor(command);
  return (await planFor(client, desired, { owner, prune: options.prune })).map(itemOf);
};

const Differences = z.looseObject({
  differences: z.array(z.looseObject({ path: z.string(), before: z.unknown(), after: z.unknown() })),
});

const versions = async (kind: string, name: string, { from, to }: Options, command: Command): Promise<DiffItem[]> => {
  if (kindOf(kind).name !== 'bots') throw usageError('only bots have versions to compare');
  const { client } = await clientFor(command);
  const bot = await findBot(client, name);
  const last = to ?? bot.manifestVersion;
  const query = { from: from ?? Math.max(1, last - 1), to: last };
  const { differences } = await client.get(Differences, `/bot-instances/${bot.id}/manifests/diff`, query);
  const about = { title: `bot/${bot.name} from version ${query.from} to ${query.to}`, kind: 'MoltbotInstance' };
  if (differences.length === 0) return [{ ...about, action: 'unchanged' }];
  // The server says null for what is not there.
  const changes = differences.map(({ path, before, after }) =>
    shown({ path, from: before ?? undefined, to: after ?? undefined }),
  );
  return [{ ...about, action: 'change', changes }];
};
