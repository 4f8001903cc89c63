// A lock between processes that the operating system gives back when its holder dies: SQLite's own file lock.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';

const POLL_MS = 50;

export type FileLockOptions = {
  /** Gives up with an error after this long; default ten minutes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Called once when somebody else holds the lock. */
  readonly onWait?: () => void;
};

/**
 * Runs `work` while holding the lock at `path` (a small file that stays). Excludes other processes and other callers in
 * this one. A pid file would need a rule for stale holders; an operating-system lock cannot be left behind.
 * Not for folders on network file systems, whose locks are not dependable.
 */
export async function withFileLock<T>(path: string, options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const deadline = Date.now() + (options.timeoutMs ?? 600_000);
  let announced = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const held = tryLock(path);
    if (held !== undefined) {
      try {
        return await work();
      } finally {
        held.close();
      }
    }
    if (!announced) options.onWait?.();
    announced = true;
    if (Date.now() > deadline) throw new Error(`Another process has held the lock ${path} for too long.`);
    await wait(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

function tryLock(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) return undefined;
    throw new Error(`The lock file ${path} cannot be used.`, { cause: error });
  }
}
