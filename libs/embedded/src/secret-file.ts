// Generated secrets, each in a file of its own that only its owner can read.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';

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

/** Writes a file that is at no moment readable for others nor half written. */
export async function writePrivate(path: string, content: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.new`;
  await writeFile(unfinished, content, { mode: 0o600 });
  await rename(unfinished, path);
}

/** The file's text, or null when it does not exist. */
export async function readIfPresent(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
}
