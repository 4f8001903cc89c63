// What is not the bot's is never found and never ended, however alike it looks. The look-alikes are real processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { botProcessesBelow, findBotProcess, stopBot } from './bot-process.ts';
import { botDirs } from './environment.ts';
import { identityOf, isAlive } from './process-identity.ts';

const name = '0198c0de-0000-7000-8000-00000000b071';
let home = '';
let children: ChildProcess[] = [];
const dirsIn = (folder: string) => botDirs(join(home, folder, name));

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-look-alike-'));
  await mkdir(dirsIn('bots').state, { recursive: true });
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(home, { recursive: true, force: true });
});

/** A process with the command line of a bot; asked to end, it says so in a file first. */
const alike = async (stateDir: string | null): Promise<number> => {
  const entry = join(home, 'openclaw.mjs');
  const ended = "process.on('SIGTERM', () => { writeFileSync('asked', ''); process.exit(0); });";
  const script = `import { writeFileSync } from 'node:fs'; ${ended} process.stdout.write('up'); setInterval(() => {}, 1_000);`;
  await writeFile(entry, script);
  const env = stateDir === null ? {} : { OPENCLAW_STATE_DIR: stateDir };
  const child = spawn(process.execPath, [entry, 'gateway', 'run'], {
    env,
    cwd: home,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child.pid ?? 0;
};
const record = (pid: number, startTime: string, bootId: string) =>
  writeFile(
    join(dirsIn('bots').root, 'process.json'),
    JSON.stringify({ process: { pid, startTime, bootId }, port: 1, stateDir: dirsIn('bots').state }),
  );
const stop = () => stopBot({ dirs: dirsIn('bots'), port: 1, graceMs: 10_000 });
const lives = async (pid: number) => (await identityOf(pid)) !== undefined;

describe.runIf(process.platform === 'linux')('a bot', () => {
  test('is found by its mark and ended', async () => {
    const pid = await alike(dirsIn('bots').state);
    expect(await findBotProcess(dirsIn('bots'))).toMatchObject({ pid });
    expect(await botProcessesBelow(join(home, 'bots'))).toEqual([{ name, pid }]);
    expect(await stop()).toMatchObject({ how: 'terminated' });
    expect(await lives(pid)).toBe(false);
    expect(await readdir(home)).toContain('asked');
  });
  test('that hangs is ended at once where it gets no grace, and does not come to itself before', async () => {
    const pid = await alike(dirsIn('bots').state);
    process.kill(pid, 'SIGSTOP');
    expect(await stopBot({ dirs: dirsIn('bots'), port: 1, graceMs: 0 })).toMatchObject({ how: 'killed' });
    expect(await lives(pid)).toBe(false);
    expect(await readdir(home)).not.toContain('asked');
  });
  test.each([
    ['the same command line and no mark', () => null],
    ['a folder of the same name elsewhere', () => dirsIn('other').state],
    ['a folder whose name begins alike', () => `${dirsIn('bots').state}-2`],
    ['a folder below the state folder', () => join(dirsIn('bots').state, 'state')],
  ])('is not a process with %s', async (_, stateDir) => {
    const pid = await alike(stateDir());
    expect(await findBotProcess(dirsIn('bots'))).toBeUndefined();
    expect(await botProcessesBelow(join(home, 'bots'))).toEqual([]);
    expect(await stop()).toMatchObject({ how: 'not-running' });
    expect(await lives(pid)).toBe(true);
  });
  test('is not who has its pid now: another start time, or another boot, is another process', async () => {
    const pid = await alike(null);
    const identity = await identityOf(pid);
    if (!identity) throw new Error('The look-alike ended.');
    for (const [startTime, bootId] of [
      [`${identity.startTime}0`, identity.bootId],
      [identity.startTime, 'another-boot'],
    ] as const) {
      await record(pid, startTime, bootId);
      expect(await findBotProcess(dirsIn('bots'))).toBeUndefined();
      expect(await stop()).toMatchObject({ how: 'not-running' });
    }
    expect(await isAlive(identity)).toBe(true);
  });
  test('is not what another bot wrote down, although its record lies here', async () => {
    const pid = await alike(dirsIn('other').state);
    const identity = await identityOf(pid);
    if (!identity) throw new Error('The look-alike ended.');
    const { startTime, bootId } = identity;
    const written = { process: { pid, startTime, bootId }, port: 1, stateDir: dirsIn('other').state };
    await writeFile(join(dirsIn('bots').root, 'process.json'), JSON.stringify(written));
    expect(await stop()).toMatchObject({ how: 'not-running' });
    expect(await isAlive(identity)).toBe(true);
  });
});
