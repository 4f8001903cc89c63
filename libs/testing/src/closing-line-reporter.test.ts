import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closingLine } from './closing-line-reporter.ts';

let folder = '';
beforeAll(async () => {
  // Inside the repository, so that the run finds vitest.
  const cache = join(import.meta.dirname, '../../../node_modules/.cache');
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, 'closing-line-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the last line has the real counts of a run', async () => {
  const text = `import { test, expect } from 'vitest';
    test('good', () => {}); test('good too', () => {});
    test('bad', () => expect(1).toBe(2)); test.skip('later', () => {});`;
  expect(await lastLineOf('counts', text)).toBe('2 passed, 1 failed, 1 skipped');
});

test('a file that cannot be imported is a failure', async () => {
  expect(await lastLineOf('broken', `import './missing.ts';`)).toBe('0 passed, 1 failed');
});

test('an error that no test caught is a failure', async () => {
  const text = `import { test } from 'vitest';
    test('good', async () => {
      setTimeout(() => { throw new Error('late'); }, 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
    });`;
  expect(await lastLineOf('unhandled', text)).toBe('1 passed, 1 failed');
});

test('a run without tests is a failure', async () => {
  expect(await lastLineOf('nothing', null)).toBe('0 passed, 1 failed');
});

test('a test that pollutes a built-in prototype fails, and only that one', async () => {
  const text = `import { test } from 'vitest';
    test('pollutes', () => { Object.prototype['polluted'] = true; }); test('does not', () => {});`;
  expect(await lastLineOf('polluted', text, 'prototype-guard.ts')).toBe('1 passed, 1 failed');
});

test('a run that was cut short never ends with 0 failed', () => {
  expect(closingLine({ passed: 5, failed: 0, skipped: 0 }, 0, 'interrupted')).toBe('5 passed, 1 failed');
  expect(closingLine({ passed: 5, failed: 0, skipped: 0 }, 0, 'passed')).toBe('5 passed, 0 failed');
});

/** Runs vitest on one file of its own and gives the last line of its output. */
async function lastLineOf(name: string, test: string | null, setupFile?: string): Promise<string> {
  const root = join(folder, name);
  await mkdir(root);
  if (test !== null) await writeFile(join(root, 'a.test.ts'), test);
  const setup = setupFile === undefined ? [] : [join(import.meta.dirname, setupFile)];
  const config = {
    test: { setupFiles: setup, reporters: ['default', join(import.meta.dirname, 'closing-line-reporter.ts')] },
  };
  await writeFile(join(root, 'vitest.config.mjs'), `export default ${JSON.stringify(config)};`);
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const output = await new Promise<string>((resolve) => {
    // The exit code is not what this asks about, so a failing run is as welcome as a passing one.
    execFile(process.execPath, [vitest, 'run', '--root', root], { env: { NO_COLOR: '1' } }, (_error, out) =>
      resolve(out),
    );
  });
  return output.trimEnd().split('\n').at(-1) ?? '';
}
