import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { identityOf, isAlive, processesWithEnv } from './process-identity.ts';

const idle = ['-e', 'setInterval(() => {}, 1000); console.log("up")'];

test('a process is alive until it ends, and never again under the same pid', async () => {
  const child = spawn(process.execPath, idle, { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const identity = await identityOf(child.pid ?? 0);
  if (identity === undefined) throw new Error('The child is not seen.');
  expect(await isAlive(identity)).toBe(true);
  expect(await isAlive({ ...identity, startTime: '1' })).toBe(false);
  if (process.platform === 'linux') expect(await isAlive({ ...identity, bootId: 'an earlier boot' })).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await isAlive(identity)).toBe(false);
});

test('nobody has a pid that is not in use', async () => {
  expect(await identityOf(2 ** 22 + 1)).toBeUndefined();
});

test.runIf(process.platform === 'linux')(
  'a process is found by its environment, even when it changed its title',
  async () => {
    const dir = `/tmp/molthub-ü-${process.pid}`;
    const code = `process.title = 'openclaw'; ${idle[1]}`;
    const child = spawn(process.execPath, ['-e', code], {
      env: { OPENCLAW_STATE_DIR: dir },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    try {
      expect(await processesWithEnv('OPENCLAW_STATE_DIR', (value) => value === dir)).toEqual([
        { pid: child.pid, parent: process.pid, title: expect.stringMatching(/^openclaw/), value: dir },
      ]);
      expect(await processesWithEnv('OPENCLAW_STATE_DIR', (value) => value === `${dir}x`)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
    }
  },
);
