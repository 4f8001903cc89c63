// Keeps a guarded server running: when it ends without being asked to, it comes back on the same port.
import { open, stat, truncate } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Guarded, ServerExit } from './guard.ts';
import { signalIfAlive } from './leftover.ts';
import { isFree } from './ports.ts';

/** Receives one line of text; the caller decides where it goes. */
export type Log = (line: string) => void;

export type Supervised = {
  /** The server's process id now; another one after a restart. */
  readonly pid: number;
  readonly port: number;
  /** How often the server ended by itself and was brought back. */
  readonly restarts: number;
  /** Resolves when the server has ended for good, after `stop()`. */
  readonly exited: Promise<ServerExit>;
  /** Stops the server cleanly and for good. */
  stop(): Promise<void>;
  /** SIGKILLs the server, as a crash would; it is brought back. Resolves when the killed process is gone. */
  kill(): Promise<void>;
  /** SIGKILLs the server and leaves it down until `start()`. */
  stopHard(): Promise<void>;
  /** Starts it again after `stopHard()`, and resolves when it answers. */
  start(): Promise<void>;
};

export type SupervisedServer = {
  readonly name: string;
  readonly port: number;
  readonly logFile: string;
  readonly log: Log;
  /** Stops what an earlier run left of this server. */
  readonly clearLeftovers: () => Promise<void>;
  readonly launch: () => Promise<Guarded>;
  /** Asked every 10 ms until true. */
  readonly isReady: (pid: number) => Promise<boolean>;
  /** Called once after the final stop. */
  readonly release: () => Promise<void>;
};

const READY_TIMEOUT_MS = 60_000;
// A killed server's port can stay taken for a moment, while its children end.
const PORT_RELEASE_MS = 15_000;
// Nothing of ours is on it at the first start, so whoever holds it then is told at once.
const PORT_FIRST_MS = 500;
const BACK_OFF_MAX_MS = 5_000;
const LOG_SIZE_BYTES_MAX = 8 * 1024 * 1024;
const LOG_CHECK_MS = 60_000;

/** Starts the server, resolves when it answers, and keeps it running until `stop()`. */
export async function supervise(server: SupervisedServer): Promise<Supervised> {
  let wanted: 'running' | 'down' | 'stopped' = 'running';
  let restarts = 0;
  let stopping: Promise<void> | null = null;
  let current = await startOnce(server, PORT_FIRST_MS, () => true);
  let restarting: Promise<void> = Promise.resolve();
  const ended = Promise.withResolvers<ServerExit>();
  const logCheck = setInterval(() => void cutLog(server), LOG_CHECK_MS).unref();

  async function bringBack(exit: ServerExit): Promise<void> {
    server.log(
      `${server.name} (process ${current.pid}) ended with code ${exit.code}; restarting it on port ${server.port}`,
    );
    for (let attempt = 0; ; attempt += 1) {
      await delay(Math.min(50 * 2 ** attempt, BACK_OFF_MAX_MS));
      if (wanted !== 'running') return;
      try {
        current = await startOnce(server, PORT_RELEASE_MS, () => wanted === 'running');
        restarts += 1;
        return watch();
      } catch (error) {
        server.log(`${server.name} did not come back: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  function watch(): void {
    const watched = current;
    void watched.exited.then((exit) => {
      if (wanted === 'running' && watched === current) restarting = bringBack(exit);
    });
  }
  async function settle(next: 'down' | 'stopped', end: (running: Guarded) => Promise<ServerExit>): Promise<ServerExit> {
    wanted = next;
    await restarting;
    return end(current);
  }
  async function stopForGood(): Promise<void> {
    clearInterval(logCheck);
    const exit = await settle('stopped', (running) => running.stop());
    await server.release();
    ended.resolve(exit);
  }
  watch();

  return {
    get pid() {
      return current.pid;
    },
    get restarts() {
      return restarts;
    },
    port: server.port,
    exited: ended.promise,
    stop() {
      stopping ??= stopForGood();
      return stopping;
    },
    async kill() {
      await restarting;
      await killGuarded(current);
    },
    async stopHard() {
      await settle('down', killGuarded);
    },
    async start() {
      if (wanted !== 'down') throw new Error(`${server.name} is ${wanted}; only after stopHard() can it be started`);
      current = await startOnce(server, PORT_RELEASE_MS, () => true);
      wanted = 'running';
      watch();
    },
  };
}

async function killGuarded(running: Guarded): Promise<ServerExit> {
  signalIfAlive(running.pid, 'SIGKILL');
  return running.exited;
}

async function startOnce(server: SupervisedServer, portMs: number, isWanted: () => boolean): Promise<Guarded> {
  await server.clearLeftovers();
  await waitForPort(server, portMs);
  const started = await server.launch();
  const ended = started.exited.then(() => 'ended' as const);
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (isWanted() && Date.now() < deadline) {
    if (await server.isReady(started.pid)) return started;
    if ((await Promise.race([ended, delay(10)])) === 'ended') break;
  }
  await started.stop();
  throw new Error(
    `${server.name} did not start on port ${server.port}. The end of its log ${server.logFile}:\n` +
      (await logTail(server.logFile)),
  );
}

async function waitForPort(server: SupervisedServer, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isFree(server.port))) {
    if (Date.now() > deadline) {
      throw new Error(
        `Port ${server.port} on 127.0.0.1, wanted for ${server.name}, is taken by another program. ` +
          'Stop that program or choose another port.',
      );
    }
    await delay(50);
  }
}

async function logTail(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, 2_000);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trim();
  } finally {
    await file.close();
  }
}

/** The server appends, so cutting the file to nothing is safe and keeps it from filling the disk. */
async function cutLog(server: SupervisedServer): Promise<void> {
  try {
    if ((await stat(server.logFile)).size > LOG_SIZE_BYTES_MAX) await truncate(server.logFile, 0);
  } catch (error) {
    server.log(`The log ${server.logFile} could not be cut: ${error instanceof Error ? error.message : String(error)}`);
  }
}
