// CPU time of this process and of servers with their children, beside the wall's.
import { readdir, readFile } from 'node:fs/promises';

/** Linux counts CPU time in ticks of 10 ms. */
const tickMs = 10;

type Process = { readonly pid: number; readonly parent: number; readonly ticks: number };

/** CPU milliseconds of this process and of each server's process tree since then; without /proc only our own. */
export type Cpu = { readonly ownMs: number; readonly serversMs: number | null };

/** Starts counting; the result answers what was used since. */
export const countCpu = async (serverPids: readonly number[]): Promise<() => Promise<Cpu>> => {
  const own = process.cpuUsage();
  const before = await treeMs(serverPids);
  return async () => {
    const used = process.cpuUsage(own);
    const after = await treeMs(serverPids);
    return {
      ownMs: Math.round((used.user + used.system) / 1_000),
      serversMs: before === null || after === null ? null : after - before,
    };
  };
};

const treeMs = async (roots: readonly number[]): Promise<number | null> => {
  const all = await processes();
  if (all === null) return null;
  const wanted = new Set(roots);
  for (let grew = true; grew; ) {
    grew = false;
    for (const { pid, parent } of all) {
      if (wanted.has(parent) && !wanted.has(pid)) {
        wanted.add(pid);
        grew = true;
      }
    }
  }
  return all.reduce((sum, one) => sum + (wanted.has(one.pid) ? one.ticks * tickMs : 0), 0);
};

const processes = async (): Promise<readonly Process[] | null> => {
  const names = await readdir('/proc').catch(() => null);
  if (names === null) return null;
  const stats = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')),
  );
  return stats.flatMap((stat) => {
    // The name in brackets may hold spaces; what follows it is numbers. Fields 14 to 17: own and reaped children's time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const pid = Number.parseInt(stat, 10);
    if (fields.length < 15 || !(pid > 0)) return [];
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), ticks }];
  });
};
