// The git program: files are read out of commits, never checked out, so that nothing of a repository is ever run or followed.
import { spawn } from 'node:child_process';
import { buffer, text } from 'node:stream/consumers';
import { CliError } from './cli-error.ts';
import { codeOf } from './connection.ts';
import { gitEnvironment } from './env.ts';
import { printable } from './printable.ts';
import type { YamlSource } from './read-yaml.ts';
import { decoded, folderLimits, isDocumentName, linkRefused } from './source-files.ts';
import { yamlLimits } from './yaml-documents.ts';

export type Git = {
  /** Standard output of `git <args>`. Throws a CliError with what git said where it failed. */
  readonly run: (args: readonly string[], input?: string) => Promise<Buffer>;
};

/** A git that works in one folder or bare repository, and asks nobody anything. */
export const gitIn = (folder: string, signal?: AbortSignal): Git => ({
  run: async (args, input) => {
    const child = spawn('git', ['-C', folder, ...quiet, ...args], {
      env: gitEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    child.stdin.on('error', () => child.stdin.destroy());
    child.stdin.end(input ?? '');
    try {
      const [out, said, status] = await Promise.all([buffer(child.stdout), text(child.stderr), ended]);
      if (status !== 0) throw new CliError(`git ${verbIn(args)}: ${lastLine(said) || `ended with ${status}`}`);
      return out;
    } catch (error) {
      if (error instanceof CliError) throw error;
      if (signal?.aborted) throw error;
      const why = codeOf(error) === 'ENOENT' ? 'the git program is not installed, or not in PATH' : codeOf(error);
      throw new CliError(`git: ${why}`, { cause: error });
    }
  },
});

/** No hooks, no helpers that run programs, no following of other protocols than those people give. */
const quiet = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'protocol.ext.allow=never',
  'gc.auto=0',
  'advice.detachedHead=false',
].flatMap((setting) => ['-c', setting]);

/** The word after what stands before it. */
const verbIn = (args: readonly string[]): string =>
  args.find((arg, index) => arg !== '-c' && args[index - 1] !== '-c') ?? '';

const lastLine = (said: string): string => printable(said.trim().split('\n').at(-1) ?? '').slice(0, 300);

/** A name that git cannot take for an option. Throws a CliError. */
export const plainRef = (ref: string): string => {
  if (/^[A-Za-z0-9_@][A-Za-z0-9_./@^~{}-]{0,199}$/.test(ref)) return ref;
  throw new CliError(`'${printable(ref).slice(0, 100)}' is no name of a branch, tag or commit`);
};

/** The full id of a commit. Throws a CliError where there is none. */
export const commitOf = async (git: Git, ref: string): Promise<string> =>
  String(await git.run(['rev-parse', '--verify', '--end-of-options', `${plainRef(ref)}^{commit}`])).trim();

type Entry = { readonly mode: string; readonly id: string; readonly sizeBytes: number; readonly path: string };

/** The documents of a folder, or the one of a file, as a commit has them; `path` is relative to the repository's top. */
export const sourcesInCommit = async (git: Git, commit: string, path: string): Promise<YamlSource[]> => {
  const listed = await git.run([
    'ls-tree',
    '-r',
    '-z',
    '--long',
    '--full-tree',
    commit,
    '--',
    ...(path === '' ? [] : [path]),
  ]);
  const entries = listed.toString('utf8').split('\0').filter(Boolean).map(entryOf);
  const wanted = entries.filter(
    ({ path: name }) =>
      !name
        .slice(path.length)
        .split('/')
        .some((part) => part.startsWith('.')),
  );
  for (const { mode, path: name } of wanted) if (mode === '120000') throw linkRefused(name);
  const documents = wanted.filter(({ mode, path: name }) => mode.startsWith('100') && isDocumentName(name));
  refuseTooMuch(documents);
  return contents(git, documents);
};

const entryOf = (line: string): Entry => {
  const {
    mode = '',
    id = '',
    size = '0',
    path = '',
  } = /^(?<mode>\d+) \w+ (?<id>[0-9a-f]+) +(?<size>\d+|-)\t(?<path>[^]*)$/.exec(line)?.groups ?? {};
  return { mode, id, sizeBytes: Number(size) || 0, path };
};

const refuseTooMuch = (documents: readonly Entry[]): void => {
  const large = documents.find(({ sizeBytes }) => sizeBytes > yamlLimits.fileBytesMax);
  if (large !== undefined)
    throw new CliError(`${large.path}: larger than ${yamlLimits.fileBytesMax / 1024 / 1024} MiB`);
  if (documents.length > folderLimits.filesMax) throw new CliError(`more than ${folderLimits.filesMax} files`);
  if (documents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > folderLimits.bytesMax) {
    throw new CliError(`its files are larger than ${folderLimits.bytesMax / 1024 / 1024} MiB together`);
  }
};

/** All contents by one process: `<id> blob <size>\n<content>\n` for each. */
const contents = async (git: Git, documents: readonly Entry[]): Promise<YamlSource[]> => {
  if (documents.length === 0) return [];
  const out = await git.run(['cat-file', '--batch'], documents.map(({ id }) => `${id}\n`).join(''));
  let offset = 0;
  return documents.map(({ path, id }) => {
    const headEnd = out.indexOf('\n', offset);
    const [found, type, size] = out.subarray(offset, headEnd).toString('utf8').split(' ');
    if (found !== id || type !== 'blob') throw new CliError(`${path}: is not in the repository`);
    const start = headEnd + 1;
    offset = start + Number(size) + 1;
    return { file: path, text: decoded(path, out.subarray(start, offset - 1)) };
  });
};
