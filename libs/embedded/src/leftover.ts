// What a crash left behind: servers that still run, and the lock of a home whose owner is gone.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether a process of that id runs, whoever owns it. One that ended but that nobody has reaped does not run. */
export async function isAlive(pid: number): Promise<boolean> {
  if (!occupiesId(pid)) return false;
  const status = await statFields(pid);
  return status === null || status[0] !== 'Z';
}

/** Whether the system still knows a process of that id, be it a zombie. */
export function occupiesId(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Linux: the fields of /proc/<pid>/stat from the third (state) on; elsewhere null. */
async function statFields(pid: number): Promise<string[] | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The command name may hold spaces and brackets, so fields are counted after its last bracket.
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/**
 * Stops the server that an earlier run left, if the process of that id really is it: `marker` (its data directory or
 * config file) must be its working directory or one of its arguments. Any other process of that id is left alone.
 */
export async function stopLeftover(
  pid: number,
  marker: string,
  signals: readonly [gentle: NodeJS.Signals, hard: NodeJS.Signals],
  gentleMs = 10_000,
): Promise<boolean> {
  if (pid === process.pid || !(await isAlive(pid)) || !(await belongsTo(pid, marker))) return false;
  for (const [signal, waitMs] of [
    [signals[0], gentleMs],
    [signals[1], 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!(await isAlive(pid))) return true;
    signalIfAlive(pid, signal);
    if (await goneWithin(pid, waitMs)) return true;
  }
  throw new Error(`Process ${pid}, left by an earlier run on ${marker}, does not stop. Stop it and start again.`);
}

export function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it ended between our look and the signal, which is what we wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function goneWithin(pid: number, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (await isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

async function belongsTo(pid: number, marker: string): Promise<boolean> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  if (cwd === marker) return true;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(async () =>
    run('ps', ['-o', 'command=', '-p', String(pid)]).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    ),
  );
  return commandLine.split(/[\0 ]/).includes(marker);
}

/** When the process started, as text to compare: tells a process from a later one that got the same id. */
async function startedAt(pid: number): Promise<string | null> {
  const fields = await statFields(pid);
  if (fields !== null) return fields[19] ?? null;
  return run('ps', ['-o', 'lstart=', '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim() || null,
    () => null,
  );
}

/** Either the claim is ours until `release`, or a living process has it. */
export type Claim =
  | { readonly kind: 'ours'; readonly release: () => Promise<void> }
  | { readonly kind: 'held'; readonly pid: number };

/** Claims `path` for this process. A claim of a process that is gone is taken over. */
export async function claim(path: string): Promise<Claim> {
  const mine = `${process.pid} ${await startedAt(process.pid)}\n`;
  for (;;) {
    if (await createExclusively(path, mine)) return { kind: 'ours', release: () => rm(path, { force: true }) };
    const held = (await readFile(path, 'utf8').catch(() => '')).trim();
    const [pidText = '', ...rest] = held.split(' ');
    const pid = Number(pidText);
    if (pid > 0 && (await isAlive(pid)) && (await startedAt(pid)) === rest.join(' ')) return { kind: 'held', pid };
    await rm(path, { force: true });
  }
}

/** Claims a server's data directory, or throws who has it. */
export async function claimDataDirectory(dataDir: string, server: string): Promise<() => Promise<void>> {
  const claimed = await claim(`${dataDir}.lock`);
  if (claimed.kind === 'ours') return claimed.release;
  throw new Error(
    `The ${server} data directory ${dataDir} is in use by process ${claimed.pid}. ` +
      'Stop that one first, or choose another home with MOLTHUB_HOME.',
  );
}

async function createExclusively(path: string, content: string): Promise<boolean> {
  // Linked into place, so that nobody reads a claim before its owner is written in it.
  const unfinished = `${path}.${process.pid}.${randomUUID()}`;
  await writeFile(unfinished, content, { mode: 0o600 });
  try {
    await link(unfinished, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}
