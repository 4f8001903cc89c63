// A bot's process: started apart from Molthub, so that it outlives it; found again afterwards; stopped for certain.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { trimLog } from './bot-log.ts';
import { type BotDirs, botDirs } from './environment.ts';
import { withFileLock } from './file-lock.ts';
import { identityOf, isAlive, type ProcessIdentity, processesWithEnv, processIdentity } from './process-identity.ts';

const recorded = z.object({ process: processIdentity, port: z.number().int(), stateDir: z.string() });

/** How a process ended. 78 is OpenClaw's class for configuration faults: starting again would end the same way. */
export type BotExit = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly meaning: 'ended' | 'configuration' | 'crashed' | 'killed';
};

export type StartRequest = {
  readonly entry: string;
  readonly node: string;
  readonly dirs: BotDirs;
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
};

export type StartedBot = {
  readonly outcome: 'started' | 'already-running';
  readonly identity: ProcessIdentity;
  /** Only for a process this one started: whoever adopts a bot cannot see how it ends. */
  readonly exited: Promise<BotExit> | undefined;
  /** Where its own output begins in the process log, in bytes. */
  readonly logFrom: number;
};

const POLL_MS = 50;
const STOP_GRACE_MS = 30_000;
const KILL_LIMIT_MS = 10_000;
const LEFTOVERS_GRACE_MS = 1_000;
const LOCK_LIMIT_MS = 60_000;

/**
 * Starts `openclaw gateway run` in a session of its own, output into the bot's process log. There is never a second
 * process on one state dir: 2026.4.29 and 2026.5.7 would allow it and damage the state.
 */
export async function startBot(request: StartRequest): Promise<StartedBot> {
  const { dirs } = request;
  for (const path of [dirs.root, dirs.state, dirs.home, dirs.temporary])
    await mkdir(path, { recursive: true, mode: 0o700 });
  return withFileLock(join(dirs.root, '.start.lock'), { timeoutMs: LOCK_LIMIT_MS }, async () => {
    const running = await findBotProcess(dirs);
    if (running !== undefined) return { outcome: 'already-running', identity: running, exited: undefined, logFrom: 0 };
    await trimLog(dirs.processLogFile);
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
    const output = await open(dirs.processLogFile, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
    try {
      const { size: logFrom } = await output.stat();
      const child = spawn(request.node, [request.entry, 'gateway', 'run'], {
        cwd: dirs.state,
        env: { ...request.env },
        detached: true,
        stdio: ['ignore', output.fd, output.fd],
      });
      const exited = exitOf(child);
      const identity = await spawned(child);
      await recordProcess(dirs, { process: identity, port: request.port, stateDir: dirs.state });
      child.unref();
      return { outcome: 'started', identity, exited, logFrom };
    } finally {
      await output.close();
    }
  });
}

/** The bot's main process, also after a restart of Molthub, and also if Molthub died before it could write it down. */
export async function findBotProcess(dirs: BotDirs): Promise<ProcessIdentity | undefined> {
  const text = await readFile(recordFile(dirs), 'utf8').catch(() => undefined);
  const written = recorded.safeParse(text === undefined ? undefined : parsed(text));
  if (written.success && written.data.stateDir === dirs.state && (await isAlive(written.data.process))) {
    return written.data.process;
  }
  // Workers and commands of the bot inherit its environment; the main process is the one none of them started.
  const all = await processesIn(dirs);
  const gateways = all.filter(
    ({ title }) => /^openclaw(-gateway)?$/.test(title) || /openclaw\.mjs gateway run/.test(title),
  );
  const main = gateways.find(({ parent }) => !all.some(({ pid }) => pid === parent));
  return main === undefined ? undefined : identityOf(main.pid);
}

/** By the environment that Molthub gave it, never by its command line or port: those others may have as well. */
const processesIn = (dirs: BotDirs) => processesWithEnv('OPENCLAW_STATE_DIR', (value) => value === dirs.state);

/** The main processes of all bots whose folders are in `root`, each with the name of its folder, there or not. */
export async function botProcessesBelow(root: string): Promise<readonly { name: string; pid: number }[]> {
  const all = await processesWithEnv('OPENCLAW_STATE_DIR', (value) => nameIn(root, value) !== undefined);
  const main = all.filter(({ parent, value }) => !all.some((other) => other.pid === parent && other.value === value));
  return main.flatMap(({ pid, value }) => {
    const name = nameIn(root, value);
    return name === undefined ? [] : [{ name, pid }];
  });
}

const nameIn = (root: string, stateDir: string): string | undefined => {
  const name = basename(dirname(stateDir));
  return botDirs(join(root, name)).state === stateDir ? name : undefined;
};

export type StopReport = {
  readonly how: 'not-running' | 'terminated' | 'killed';
  readonly durationMs: number;
  /** `false`: something still listens on the port, although the bot is gone. */
  readonly portFree: boolean;
};

/**
 * SIGTERM, then SIGKILL after `graceMs` (default 30 s; with 0 at once), then waits until nothing of the bot is left. Never
 * SIGUSR1: it opens a debugger port on 2026.9.6. Throws when the process cannot be ended at all.
 */
export async function stopBot(request: { dirs: BotDirs; port: number; graceMs?: number }): Promise<StopReport> {
  const startedAt = Date.now();
  const identity = await findBotProcess(request.dirs);
  let how: StopReport['how'] = 'not-running';
  if (identity !== undefined) {
    how = (await endsByItself(identity, request.graceMs ?? STOP_GRACE_MS)) ? 'terminated' : 'killed';
    if (how === 'killed') await signal(identity, 'SIGKILL');
    if (!(await endsWithin(identity, KILL_LIMIT_MS)))
      throw new Error(`Process ${identity.pid} does not end on SIGKILL.`);
  }
  await endLeftovers(request.dirs);
  await rm(recordFile(request.dirs), { force: true });
  const deadline = Date.now() + KILL_LIMIT_MS;
  while ((await answers(request.port)) && Date.now() < deadline) await wait(POLL_MS);
  return { how, durationMs: Date.now() - startedAt, portFree: !(await answers(request.port)) };
}

/** OpenClaw's workers end by themselves when the main process is gone; commands its agents left behind do not. */
async function endLeftovers(dirs: BotDirs): Promise<void> {
  const deadline = Date.now() + LEFTOVERS_GRACE_MS;
  for (;;) {
    const left = await processesIn(dirs);
    if (left.length === 0) return;
    if (Date.now() > deadline) {
      for (const { pid } of left) {
        const identity = await identityOf(pid);
        if (identity !== undefined) await signal(identity, 'SIGKILL');
      }
    }
    if (Date.now() > deadline + KILL_LIMIT_MS)
      throw new Error(`Process ${left[0]?.pid} of the bot does not end on SIGKILL.`);
    await wait(POLL_MS);
  }
}

async function endsByItself(identity: ProcessIdentity, graceMs: number): Promise<boolean> {
  // One that hangs must not come to itself for a moment, only to be killed in the middle of what it then does.
  if (graceMs === 0) return false;
  await signal(identity, 'SIGTERM');
  // A stopped process would take the signal only when it goes on.
  await signal(identity, 'SIGCONT');
  return endsWithin(identity, graceMs);
}

async function signal(identity: ProcessIdentity, name: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): Promise<void> {
  if (!(await isAlive(identity))) return;
  try {
    process.kill(identity.pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function endsWithin(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (await isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await wait(POLL_MS);
  }
  return true;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port, timeout: 1_000 });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(true));
  });
}

function exitOf(child: ChildProcess): Promise<BotExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, meaning: meaningOf(code, signal) }));
  });
}

function meaningOf(code: number | null, signal: string | null): BotExit['meaning'] {
  if (signal !== null) return 'killed';
  if (code === 0) return 'ended';
  return code === 78 ? 'configuration' : 'crashed';
}

async function spawned(child: ChildProcess): Promise<ProcessIdentity> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new Error("The bot's process could not be started.", { cause })));
  });
  const identity = child.pid === undefined ? undefined : await identityOf(child.pid);
  if (identity === undefined) throw new Error("The bot's process ended as soon as it was started.");
  return identity;
}

async function recordProcess(dirs: BotDirs, record: z.infer<typeof recorded>): Promise<void> {
  await writeFile(`${recordFile(dirs)}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${recordFile(dirs)}.new`, recordFile(dirs));
}

function recordFile(dirs: BotDirs): string {
  return join(dirs.root, 'process.json');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
