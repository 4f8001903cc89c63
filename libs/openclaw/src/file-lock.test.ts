import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withFileLock } from './file-lock.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'molthub-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('two callers in one process never hold the lock at once', async () => {
  let inside = 0;
  let most = 0;
  const enter = () =>
    withFileLock(join(folder, 'a.lock'), {}, async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    });
  await Promise.all([enter(), enter(), enter(), enter()]);
  expect(most).toBe(1);
});

test('a lock whose holder was killed is free at once', async () => {
  const path = join(folder, 'b.lock');
  const holder = `import('node:sqlite').then(({ DatabaseSync }) => {
    globalThis.held = new DatabaseSync(process.argv[1]);
    held.exec('BEGIN EXCLUSIVE');
    console.log('held');
    setInterval(() => {}, 1000);
  })`;
  const child = spawn(process.execPath, ['-e', holder, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await expect(withFileLock(path, { timeoutMs: 10 }, async () => 'in')).rejects.toThrow(/held the lock/);
  child.kill('SIGKILL');
  expect(await withFileLock(path, { timeoutMs: 5_000 }, async () => 'in')).toBe('in');
});

test('waiting for a lock ends when the caller gives up', async () => {
  const path = join(folder, 'c.lock');
  const controller = new AbortController();
  await withFileLock(path, {}, async () => {
    const waiting = withFileLock(
      path,
      { signal: controller.signal, onWait: () => controller.abort() },
      async () => 'in',
    );
    await expect(waiting).rejects.toThrow(/abort/i);
  });
});
