// Starts a server under a guard: a shell that holds a pipe from us and stops the server when that pipe closes, so
// that no kill of this process, not even kill -9, leaves an orphan. A shell, because a Node guard costs 40 MB each.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { RunAs } from './run-as.ts';
import { spawnIdentity } from './run-as.ts';

/** How a server process ended: its exit code (128 + n after signal n), or null when it was never known. */
export type ServerExit = { readonly code: number | null };

export type Guarded = {
  /** Process id of the server itself, not of its guard. */
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  /** Closes the pipe: the guard sends the stop signal, then the harder one, then SIGKILL. Resolves after the exit. */
  stop(): Promise<ServerExit>;
};

export type GuardedCommand = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The server's stdout and stderr are appended here: a file has no reader that could be missing or full. */
  readonly logFile: string;
  readonly runAs: RunAs;
  /** First signal of a stop, and the one that follows after ten seconds; SIGKILL comes five seconds later. */
  readonly stopSignals: readonly [gentle: string, hard: string];
};

// The watcher reads until end of file. It is a subshell, so `wait` in the main shell sees the server's exit at once.
// Standard error is the log file; the server gets neither the pipe (file 3) nor the stdout that tells us its id.
const GUARD = `
gentle=$1 hard=$2; shift 2
exec 3<&0
"$@" </dev/null >&2 3<&- &
server=$!
echo "$server"
(
  exec >/dev/null 2>&1
  while read -r _ <&3; do :; done
  trap 'kill "$nap"; wait "$nap"; exit' TERM
  kill -s "$gentle" "$server"
  i=0
  while kill -0 "$server"; do
    i=$((i + 1))
    [ "$i" -eq 100 ] && kill -s "$hard" "$server"
    [ "$i" -eq 150 ] && kill -s KILL "$server"
    sleep 0.1 & nap=$!; wait "$nap"
  done
) &
watcher=$!
exec 3<&- >/dev/null 2>&1
wait "$server"; code=$?
kill "$watcher"; wait "$watcher"
exit "$code"
`;

/** Starts the command under its guard and resolves as soon as the server's process id is known. */
export async function spawnGuarded(options: GuardedCommand): Promise<Guarded> {
  // Opened here, because the guard may run as a user who cannot create files beside the data directory.
  const log = openSync(options.logFile, 'a', 0o600);
  const guard = spawn(
    '/bin/sh',
    ['-c', GUARD, 'molthub-guard', ...options.stopSignals, options.command, ...options.args],
    {
      cwd: options.cwd,
      env: options.env,
      stdio: ['pipe', 'pipe', log],
      // Its own process group: Ctrl-C in the terminal is ours to turn into a clean stop in the right order.
      detached: true,
      ...spawnIdentity(options.runAs),
    },
  );
  closeSync(log);
  const { stdin, stdout } = guard;
  if (stdin === null || stdout === null) throw new Error(`The guard of ${options.command} has no pipes`);
  const exited = new Promise<ServerExit>((resolve) => {
    guard.on('exit', (code) => {
      // If only the shell was killed, its watcher must stop the server now and not signal that id much later.
      stdin.end();
      resolve({ code });
    });
    guard.on('error', () => resolve({ code: null }));
  });
  // Writing never happens; closing a pipe whose reader is gone must not become an unhandled error.
  stdin.on('error', () => stdin.destroy());
  const pid = await readPid(stdout, exited, options.command);
  const stop = async () => {
    stdin.end();
    return exited;
  };
  return { pid, exited, stop };
}

async function readPid(stdout: NodeJS.ReadableStream, exited: Promise<ServerExit>, command: string): Promise<number> {
  const lines = createInterface({ input: stdout });
  const first = await Promise.race([once(lines, 'line'), exited.then(() => null)]);
  lines.close();
  const pid = Number(first?.[0]);
  if (!Number.isInteger(pid) || pid <= 0) throw new Error(`The guard of ${command} could not be started with /bin/sh`);
  return pid;
}
