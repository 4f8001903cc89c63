import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfigFile, readConfigFile, writeConfigFile } from './config-file.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'molthub-config-'));
  path = join(folder, 'openclaw.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a written config is read again, is private, and leaves nothing else behind', async () => {
  const { sha256 } = await writeConfigFile(path, { logging: { level: 'info' } });
  expect(await readConfigFile(path)).toEqual({ state: 'read', parsed: { logging: { level: 'info' } }, sha256 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['openclaw.json']);
});

test('a rewrite keeps the meta of OpenClaw, even where the file itself is broken', async () => {
  writeFileSync(path, '{"meta":{"lastTouchedVersion":"2026.4.29"},"a":1}');
  await writeConfigFile(path, { b: 2 });
  expect(await readConfigFile(path)).toMatchObject({ parsed: { b: 2, meta: { lastTouchedVersion: '2026.4.29' } } });
  writeFileSync(`${path}.last-good`, readFileSync(path));
  writeFileSync(path, '{broken');
  await writeConfigFile(path, { c: 3 });
  expect(await readConfigFile(path)).toMatchObject({ parsed: { c: 3, meta: { lastTouchedVersion: '2026.4.29' } } });
});

test('a missing file is missing', async () => {
  expect(await readConfigFile(path)).toEqual({ state: 'missing' });
});

test('JSON5 is read as OpenClaw reads it', () => {
  expect(parseConfigFile("// note\n{ gateway: { mode: 'local', }, }")).toMatchObject({
    state: 'read',
    parsed: { gateway: { mode: 'local' } },
  });
});

test('a broken file is a state of its own, told by place and never by content', () => {
  expect(parseConfigFile('{\n  token: "canary-secret" oops\n}')).toMatchObject({
    state: 'broken',
    reason: 'it is no JSON5 (line 2, column 26)',
  });
  expect(parseConfigFile('')).toMatchObject({ state: 'broken' });
  expect(parseConfigFile('[1]')).toMatchObject({ state: 'broken', reason: 'it holds no object' });
});

test('a huge, deep or poisoned file is judged in bounded time', async () => {
  writeFileSync(path, 'x'.repeat(400 * 1024));
  expect(await readConfigFile(path)).toMatchObject({ state: 'broken', reason: expect.stringContaining('at most') });
  expect(parseConfigFile('x'.repeat(200_000))).toMatchObject({
    state: 'broken',
    reason: expect.stringContaining('too large'),
  });
  expect(parseConfigFile(`{"a":${'['.repeat(100_000)}`)).toMatchObject({ state: 'broken' });
  expect(parseConfigFile('{"__proto__":{"polluted":1}}')).toMatchObject({ state: 'read' });
  expect(parseConfigFile("{'__proto__':{polluted:1}}")).toMatchObject({ state: 'read' });
});

test('a link or a pipe in place of the file is broken, and is not followed or waited on', async () => {
  writeFileSync(join(folder, 'other'), '{"a":1}');
  symlinkSync(join(folder, 'other'), path);
  expect(await readConfigFile(path)).toMatchObject({ state: 'broken', reason: 'it is a link, not a file' });
  rmSync(path);
  execFileSync('mkfifo', [path]);
  expect(await readConfigFile(path)).toMatchObject({ state: 'broken', reason: 'it is not a regular file' });
});

test('a file that may not be read is broken, and is replaced where its folder allows it', async () => {
  writeFileSync(path, '{"a":1}');
  chmodSync(path, 0o000);
  writeFileSync(`${path}.last-good`, '{"meta":{"lastTouchedVersion":"2026.4.29"}}');
  await asSomebody(async () => {
    expect(await readConfigFile(path)).toEqual({ state: 'broken', reason: 'it may not be read (EACCES)' });
    await writeConfigFile(path, { b: 2 });
    expect(await readConfigFile(path)).toMatchObject({ parsed: { b: 2, meta: { lastTouchedVersion: '2026.4.29' } } });
  });
});

/** To root every file is open; a test of what may not be read needs a user who is not. */
const asSomebody = async (work: () => Promise<void>) => {
  if (process.geteuid?.() !== 0) return work();
  for (const name of ['', ...readdirSync(folder)]) chownSync(join(folder, name), 65_534, 65_534);
  process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
};
