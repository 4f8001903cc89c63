// What a program and everything below it uses, as Linux counts it: CPU time and memory, process by process.
import { readdir, readFile } from 'node:fs/promises';

/** Linux counts CPU time in ticks of 10 ms. */
const tickMs = 10;

export type Usage = {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** Its own, and that of children it has waited for. */
  readonly cpuMs: number;
  /** Its own pages and its share of those that several processes use; null where it ended meanwhile. */
  readonly pssMb: number | null;
};

/** Everything at and below `root`. Throws where there is no /proc: such a figure is for Linux. */
export const processTree = async (root: number): Promise<readonly Usage[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = (await Promise.all(pids.map(statOf))).flat();
  const below = new Set([root]);
  for (let grew = true; grew; ) {
    const found = all.filter(({ pid, parent }) => below.has(parent) && !below.has(pid));
    for (const { pid } of found) below.add(pid);
    grew = found.length > 0;
  }
  const own = all.filter(({ pid }) => below.has(pid));
  return Promise.all(own.map(async (one) => ({ ...one, pssMb: await pssOf(one.pid) })));
};

export const totalCpuMs = (tree: readonly Usage[]): number => tree.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
export const totalPssMb = (tree: readonly Usage[]): number => tree.reduce((sum, { pssMb }) => sum + (pssMb ?? 0), 0);

/** CPU milliseconds between two looks, by the program's name: Node is Molthub itself, postgres and nats-server its servers. */
export const cpuByName = (before: readonly Usage[], after: readonly Usage[]): Readonly<Record<string, number>> => {
  const earlier = new Map(before.map(({ pid, cpuMs }) => [pid, cpuMs]));
  const byName = Map.groupBy(after, ({ name }) => name);
  return Object.fromEntries(
    [...byName].map(([name, own]) => [
      name,
      own.reduce((sum, { pid, cpuMs }) => sum + cpuMs - (earlier.get(pid) ?? 0), 0),
    ]),
  );
};

/** Readings of a process that ended between two looks are no reading. */
const statOf = async (pid: string): Promise<readonly Omit<Usage, 'pssMb'>[]> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const name = /\((.*)\)/s.exec(stat)?.[1];
  // What follows the name in brackets are numbers: state, parent, …; 14 to 17 of all fields are CPU times.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (name === undefined || fields.length < 15) return [];
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return [{ pid: Number(pid), parent: Number(fields[1]), name: nameOf(name), cpuMs: ticks * tickMs }];
};

/** Node names its main thread so. */
const nameOf = (name: string): string => (name === 'MainThread' || name.startsWith('molthub') ? 'node' : name);

const pssOf = async (pid: number): Promise<number | null> => {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1_024;
};
