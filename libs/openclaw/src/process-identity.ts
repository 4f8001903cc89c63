// Which process is meant: a pid alone may belong to somebody else by now.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

/** A process is the same only while all three agree: pids are reused, start times repeat after a reboot. */
export const processIdentity = z.object({
  pid: z.number().int().min(2),
  startTime: z.string().min(1),
  bootId: z.string(),
});
export type ProcessIdentity = z.infer<typeof processIdentity>;

/** Who has this pid now; `undefined` when nobody has, or only the remains of a process that ended. */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  if (process.platform !== 'linux') return identityByPs(pid);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(gone);
  if (stat === undefined) return undefined;
  // The second field is the program's name in brackets, which may itself hold brackets and blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  if (state === undefined || startTime === undefined || 'ZX'.includes(state)) return undefined;
  return { pid, startTime, bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim() };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identityOf(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId;
}

export type RunningProcess = {
  readonly pid: number;
  readonly parent: number;
  readonly title: string;
  /** What its environment says under the name that was asked for. */
  readonly value: string;
};

/**
 * Processes of this user whose environment says a matching value under `name`. Only Linux shows environments; elsewhere
 * none is found.
 */
export async function processesWithEnv(
  name: string,
  matches: (value: string) => boolean,
): Promise<readonly RunningProcess[]> {
  if (process.platform !== 'linux') return [];
  const key = `${name}=`;
  const found: RunningProcess[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(gone);
    const entries = Buffer.from(environment ?? '', 'latin1')
      .toString('utf8')
      .split('\0');
    const value = entries.find((entry) => entry.startsWith(key))?.slice(key.length);
    if (value === undefined || !matches(value)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(gone);
    const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(gone);
    if (stat === undefined || title === undefined) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if ('ZX'.includes(fields[0] ?? 'Z')) continue;
    found.push({ pid: Number(pid), parent: Number(fields[1]), title: title.replaceAll('\0', ' ').trim(), value });
  }
  return found;
}

async function identityByPs(pid: number): Promise<ProcessIdentity | undefined> {
  const answer = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
  }).catch(() => undefined);
  const [state, ...started] = answer?.stdout.trim().split(/\s+/) ?? [];
  if (state === undefined || state === '' || state.startsWith('Z')) return undefined;
  return { pid, startTime: started.join(' '), bootId: '' };
}

/** A process may end while it is looked at, and those of other users cannot be looked at. */
function gone(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
  throw error;
}
