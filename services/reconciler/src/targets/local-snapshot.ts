// OpenClaw refuses to go back to an older version on newer state, so each change of version first keeps a copy of what
// the old one had, and going back puts the copy in place.
import { cp, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Say } from '../target.ts';
import { type Identity, type Place, writeIdentity } from './local-place.ts';

/** Prepares a stopped bot's state for `version`; may be cut off anywhere and simply done again. */
export const changeVersion = async (place: Place, identity: Identity, version: string, say: Say): Promise<Identity> => {
  // What was begun is finished first: a copy of half of a state would take the place of the good one.
  let current = identity.isRestoring ? await putBack(place, identity, say) : identity;
  if (current.version !== null && current.version !== version) {
    await keep(place, current.version);
    say(`kept a copy of the state of ${current.version}`);
    const goesBack = isOlder(version, current.version) && (await exists(join(place.snapshots, version)));
    current = await writeIdentity(place, { ...current, version, isRestoring: goesBack });
  }
  return current.isRestoring ? putBack(place, current, say) : writeIdentity(place, { ...current, version });
};

const putBack = async (place: Place, identity: Identity, say: Say): Promise<Identity> => {
  if (identity.version !== null) await restore(place, identity.version);
  say(`put back the state of ${identity.version}`);
  return writeIdentity(place, { ...identity, isRestoring: false });
};

const keep = async (place: Place, version: string) => {
  const kept = join(place.snapshots, version);
  const partial = `${kept}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  await copy(place.dirs.state, join(partial, 'state'));
  await copy(place.dirs.configFile, join(partial, 'openclaw.json'));
  await rm(kept, { recursive: true, force: true });
  await rename(partial, kept);
};

const restore = async (place: Place, version: string) => {
  const kept = join(place.snapshots, version);
  const partial = `${place.dirs.state}.partial`;
  await rm(partial, { recursive: true, force: true });
  await copy(join(kept, 'state'), partial);
  // A version that was installed but never ran has no state yet.
  await mkdir(partial, { recursive: true, mode: 0o700 });
  await rm(place.dirs.state, { recursive: true, force: true });
  await rename(partial, place.dirs.state);
  await copy(join(kept, 'openclaw.json'), place.dirs.configFile);
};

const copy = async (from: string, to: string) => {
  if (!(await exists(from))) return;
  await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, filter: isCopyable });
};

/** Sockets and pipes belong to a process that is gone. */
const isCopyable = async (path: string) => {
  const stat = await lstat(path);
  return stat.isFile() || stat.isDirectory() || stat.isSymbolicLink();
};

const exists = async (path: string): Promise<boolean> => {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
};

/** By the numbers of the version, first to last. */
export const isOlder = (a: string, b: string): boolean => {
  const [left, right] = [a, b].map((version) => version.split(/[.-]/).map(Number));
  for (const [i, number] of (left ?? []).entries()) {
    const other = right?.[i] ?? 0;
    if (number !== other) return number < other;
  }
  return (left?.length ?? 0) < (right?.length ?? 0);
};
