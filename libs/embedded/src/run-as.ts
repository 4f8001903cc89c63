// Which user the servers run as. Postgres refuses root, and nothing here needs root's rights.
import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The user that servers are started as; null: the one we already are. */
export type RunAs = { readonly uid: number; readonly gid: number; readonly name: string } | null;

/** An ordinary user stays who they are; root becomes the user of `SUDO_UID`, else `postgres`, else `nobody`. */
export async function chooseRunAs(env: Readonly<Record<string, string | undefined>>): Promise<RunAs> {
  if (process.getuid?.() !== 0) return null;
  const sudoUid = Number(env['SUDO_UID'] ?? '0');
  const sudoGid = Number(env['SUDO_GID'] ?? '0');
  if (sudoUid > 0 && sudoGid > 0) return { uid: sudoUid, gid: sudoGid, name: env['SUDO_USER'] ?? String(sudoUid) };
  for (const name of ['postgres', 'nobody']) {
    const uid = await idOf('-u', name);
    const gid = await idOf('-g', name);
    if (uid !== null && gid !== null && uid > 0) return { uid, gid, name };
  }
  throw new Error(
    'Postgres refuses to run as root and this machine has neither a user "postgres" nor "nobody". ' +
      'Start Molthub as an ordinary user.',
  );
}

async function idOf(flag: '-u' | '-g', name: string): Promise<number | null> {
  const found = await run('id', [flag, name]).then(
    ({ stdout }) => Number(stdout.trim()),
    () => null,
  );
  return found !== null && Number.isInteger(found) ? found : null;
}

/** The part of `spawn`'s options that makes a child that user. */
export function spawnIdentity(runAs: RunAs): { uid?: number; gid?: number } {
  return runAs === null ? {} : { uid: runAs.uid, gid: runAs.gid };
}

/** Creates a directory that only its user may open; as root it belongs to the user the servers run as. */
export async function makePrivateDirectory(path: string, runAs: RunAs): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  if (runAs !== null) await chown(path, runAs.uid, runAs.gid);
}

/**
 * Creates a directory for several servers. As an ordinary user: mode 0700. As root: owned by root, and the servers'
 * group may pass through (0710) but neither list nor write. One that exists and holds other things is left as it is,
 * and must be safe and reachable already.
 */
export async function makePassableDirectory(path: string, runAs: RunAs): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  const { mode, uid } = await stat(path);
  if (uid !== process.getuid?.()) throw new Error(`${path} belongs to another user. Choose another home.`);
  const entries = await readdir(path);
  if (entries.length === 0 || entries.includes('secrets')) {
    if (runAs !== null) await chown(path, uid, runAs.gid);
    await chmod(path, runAs === null ? 0o700 : 0o710);
  } else if ((mode & 0o002) !== 0) {
    throw new Error(`${path} can be written by everyone and holds other things. Choose an empty folder as home.`);
  }
  if (await canRun(runAs, ['-x', path])) return;
  throw new Error(
    `The servers run as user "${runAs?.name ?? uid}", who cannot reach ${path}. ` +
      'Choose a home outside /root, for example /var/lib/molthub.',
  );
}

/** The parent of a data directory: created when missing, and made passable for the user the servers run as. */
export async function ensureReachableParent(dataDir: string, runAs: RunAs): Promise<void> {
  const parent = dirname(dataDir);
  if (await canRun(runAs, ['-x', parent])) return;
  await makePassableDirectory(parent, runAs);
}

/** Whether that user passes `test <args>` (for example `-x file`). Asked of the system, not computed from modes. */
export async function canRun(runAs: RunAs, test: readonly string[]): Promise<boolean> {
  return run('/bin/sh', ['-c', 'test "$@"', 'test', ...test], spawnIdentity(runAs)).then(
    () => true,
    () => false,
  );
}

/**
 * A folder with programs as that user can execute them: itself, or a copy at `copyTo` (made once; complete or absent).
 * `probe` is the relative path of one program in it.
 */
export async function reachableFolder(source: string, probe: string, copyTo: string, runAs: RunAs): Promise<string> {
  if (await canRun(runAs, ['-x', join(source, probe)])) return source;
  if (await canRun(runAs, ['-x', join(copyTo, probe)])) return copyTo;
  const unfinished = `${copyTo}.${process.pid}`;
  await makePassableDirectory(dirname(copyTo), runAs);
  await cp(source, unfinished, { recursive: true, verbatimSymlinks: true });
  await makeReadable(unfinished);
  await rm(copyTo, { recursive: true, force: true });
  await rename(unfinished, copyTo).catch(async (cause: unknown) => {
    await rm(unfinished, { recursive: true, force: true });
    // Another process may have finished the same copy first, which is as good.
    if (!(await canRun(runAs, ['-x', join(copyTo, probe)]))) throw cause;
  });
  return copyTo;
}

/** One program as that user can execute it: itself, or a copy at `copyTo`, made anew each time. */
export async function reachableFile(source: string, copyTo: string, runAs: RunAs): Promise<string> {
  if (await canRun(runAs, ['-x', source])) return source;
  const unfinished = `${copyTo}.${process.pid}`;
  await cp(source, unfinished);
  await chmod(unfinished, 0o755);
  await rename(unfinished, copyTo);
  return copyTo;
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeReadable(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
