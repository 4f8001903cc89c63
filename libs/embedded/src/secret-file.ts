// Generated secrets, each in a file of its own that only its owner can read.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import type { RunAs } from './run-as.ts';

/** The secret stored at `path` (mode 0600); a new random one of 192 bits, in hex, when there is none. */
export async function persistentSecret(path: string): Promise<string> {
  const stored = await readIfPresent(path);
  if (stored !== null && stored.trim() !== '') {
    await chmod(path, 0o600);
    return stored.trim();
  }
  const secret = randomBytes(24).toString('hex');
  await writePrivate(path, `${secret}\n`);
  return secret;
}

/** A folder that only we can open; the users of the servers have no business in it. */
export async function makeSecretsDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/**
 * Writes a file (0600, of the given user) that is at no moment readable for others nor half written. Safe as root in a
 * folder of that user: links lying there are replaced, never followed.
 */
export async function writePrivate(path: string, content: string, owner: RunAs = null): Promise<void> {
  const unfinished = `${path}.${process.pid}.new`;
  await rm(unfinished, { force: true });
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.writeFile(content);
    if (owner !== null) await file.chown(owner.uid, owner.gid);
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
}

/** The file's text, or null when it does not exist. */
export async function readIfPresent(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
}
