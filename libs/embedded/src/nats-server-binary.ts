// Finds a nats-server to run, or fetches one: no npm package carries it.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { claim } from './leftover.ts';
import { fetchFromDebianMirror } from './nats-apt.ts';
import { fetchFromGithub } from './nats-release.ts';
import { readIfPresent } from './secret-file.ts';
import type { Log } from './supervised.ts';

const run = promisify(execFile);

export type NatsServerBinary = { readonly path: string; readonly version: string };

export type NatsServerSearch = {
  /** Fetched programs are kept here with their sha256, which is checked again at each use. */
  readonly cacheDir: string;
  /** Read for NATS_SERVER_BIN and PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
};

/** One way to get the program: puts it at `into` and says where it came from, or throws why not. */
type NatsServerSource = (into: string, workDir: string) => Promise<string>;

/** Older ones let one account administer another's JetStream (fixed in 2.10.27). */
const OLDEST = [2, 10, 27] as const;
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin', '/snap/bin'];
const FETCH_TIMEOUT_MS = 180_000;

/**
 * Finds nats-server ≥ 2.10.27: NATS_SERVER_BIN, the cache, PATH and the usual folders, the official release (pinned
 * sha256), on Debian and Ubuntu the distribution's mirror (signatures checked, nothing installed). Several processes
 * may ask at once; one fetches. The error lists every attempt and how to install.
 */
export async function findNatsServer(search: NatsServerSearch): Promise<NatsServerBinary> {
  const found = await find(search);
  if (hasKnownHoles(found.version)) {
    search.log(
      `nats-server ${found.version} (${found.path}) has known security holes; 2.12.12, 2.14.3 or newer has not`,
    );
  }
  return found;
}

async function find(search: NatsServerSearch): Promise<NatsServerBinary> {
  const named = search.env['NATS_SERVER_BIN'];
  if (named !== undefined && named !== '') {
    const found = await usable(named);
    if (typeof found !== 'string') return found;
    throw new Error(`NATS_SERVER_BIN: ${found}. Point it at nats-server ${OLDEST.join('.')} or newer, or unset it.`);
  }
  await mkdir(search.cacheDir, { recursive: true });
  const cached = await fromCache(search.cacheDir, search.log);
  if (cached !== null) return cached;
  const tried: string[] = [];
  const folders = (search.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of new Set([...folders, ...USUAL_FOLDERS])) {
    const path = join(folder, 'nats-server');
    const found = await usable(path);
    if (typeof found !== 'string') return found;
    if (!found.endsWith(NOT_THERE)) tried.push(found);
  }
  tried.push('none on PATH or in the usual folders is new enough');
  return fetchOnce(search, tried);
}

const SOURCES: readonly (readonly [name: string, source: NatsServerSource])[] = [
  ['the official release', fetchFromGithub],
  ["the distribution's mirror", fetchFromDebianMirror],
];

/** Tries the sources in turn, unless another process has just filled the cache. `tried` says what failed before. */
export async function fetchOnce(
  { cacheDir, log }: NatsServerSearch,
  tried: string[],
  sources = SOURCES,
): Promise<NatsServerBinary> {
  const release = await claimFetch(join(cacheDir, 'nats-server.lock'));
  const workDir = await mkdtemp(join(cacheDir, 'fetch-'));
  try {
    // Whoever held the lock before us may have fetched it.
    const cached = await fromCache(cacheDir, log);
    if (cached !== null) return cached;
    for (const [name, fetchInto] of sources) {
      const program = join(workDir, 'nats-server');
      try {
        const origin = await fetchInto(program, workDir);
        await chmod(program, 0o755);
        const found = await usable(program);
        if (typeof found === 'string') throw new Error(found);
        log(`Fetched nats-server ${found.version} from ${origin}`);
        return await keep(program, found.version, cacheDir);
      } catch (error) {
        tried.push(`${name}: ${error instanceof Error ? error.message.trim() : String(error)}`);
      }
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
    await release();
  }
  throw new Error(
    `No nats-server ${OLDEST.join('.')} or newer could be found or fetched:\n- ${tried.join('\n- ')}\n` +
      'Install it (https://github.com/nats-io/nats-server/releases) and set NATS_SERVER_BIN to its path, ' +
      'or set NATS_URL to a running server.',
  );
}

async function claimFetch(path: string): Promise<() => Promise<void>> {
  const deadline = Date.now() + FETCH_TIMEOUT_MS;
  for (;;) {
    const claimed = await claim(path);
    if (claimed.kind === 'ours') return claimed.release;
    if (Date.now() > deadline) throw new Error(`Process ${claimed.pid} has been fetching nats-server for too long`);
    await delay(100);
  }
}

const NOT_THERE = 'is not there';

/** The program with its version, or one sentence why it cannot be used. */
async function usable(given: string): Promise<NatsServerBinary | string> {
  // The server starts in a folder of its own, so a relative path must not stay one.
  const path = resolve(given);
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 10_000 });
    const version = /nats-server: v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
    if (version === undefined) return `${path} does not tell its version`;
    return isNewEnough(version) ? { path, version } : `${path} is ${version}, older than ${OLDEST.join('.')}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return `${path} ${NOT_THERE}`;
    return `${path} does not run (${error instanceof Error ? error.message.trim() : String(error)})`;
  }
}

/** Whether a version like `2.15.1` is at least 2.10.27. */
export function isNewEnough(version: string): boolean {
  return atLeast(version, OLDEST);
}

/** The advisories of 2026 were fixed in 2.12.12 and, on the newer line, in 2.14.3. */
export function hasKnownHoles(version: string): boolean {
  return atLeast(version, [2, 13, 0]) ? !atLeast(version, [2, 14, 3]) : !atLeast(version, [2, 12, 12]);
}

function atLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, wanted] of least.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

function cacheName(version: string): string {
  return `nats-server-${version}-${process.platform}-${process.arch}`;
}

async function fromCache(cacheDir: string, log: Log): Promise<NatsServerBinary | null> {
  const pattern = new RegExp(`^${cacheName('(\\d+\\.\\d+\\.\\d+)')}$`);
  const versions = (await readdir(cacheDir)).flatMap((name) => pattern.exec(name)?.[1] ?? []);
  versions.sort((left, right) => right.localeCompare(left, 'en', { numeric: true }));
  for (const version of versions) {
    const path = join(cacheDir, cacheName(version));
    const expected = (await readIfPresent(`${path}.sha256`))?.trim();
    if (expected === (await sha256(path)) && isNewEnough(version)) return { path, version };
    log(`The cached ${path} is not the file that was fetched (its sha256 differs); it is fetched again`);
    await rm(path, { force: true });
    await rm(`${path}.sha256`, { force: true });
  }
  return null;
}

async function keep(program: string, version: string, cacheDir: string): Promise<NatsServerBinary> {
  const path = join(cacheDir, cacheName(version));
  await writeFile(`${path}.sha256`, `${await sha256(program)}\n`);
  await copyFile(program, `${path}.${process.pid}`);
  await chmod(`${path}.${process.pid}`, 0o755);
  await rename(`${path}.${process.pid}`, path);
  return { path, version };
}

/** SHA-256 of a file, in hex. */
export async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
