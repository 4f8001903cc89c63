import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Rejected } from '@molthub/decider';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installOpenclaw } from './install.ts';

/** Stands in for npm: notes how it was called, and unpacks what the registry would have given. */
const NPM = `
const fs = require('node:fs'), path = require('node:path');
const [command] = process.argv.slice(2);
if (command === 'config') {
  const token = { '//registry.example/:_authToken': 'canary-secret' };
  const registry = 'https://user:canary-secret@registry.example/';
  console.log(JSON.stringify({ registry, 'strict-ssl': true, ...token }));
  process.exit(0);
}
const home = process.env.HOME;
fs.appendFileSync(process.argv[1] + '.calls', JSON.stringify({ args: process.argv.slice(2), env: process.env,
  npmrc: fs.readFileSync(process.env.npm_config_userconfig, 'utf8'),
  package: JSON.parse(fs.readFileSync('package.json', 'utf8')) }) + '\\n');
const mode = fs.existsSync(process.argv[1] + '.mode') ? fs.readFileSync(process.argv[1] + '.mode', 'utf8') : '';
const wanted = JSON.parse(fs.readFileSync('package.json', 'utf8'));
if (mode === 'withdrawn' && Object.keys(wanted.overrides).length === 0) {
  console.error("npm error code E404\\nnpm error 404  'cssomnom@^0.1.11' is not in this registry.");
  process.exit(1);
}
if (mode === 'unknown') {
  console.error('npm error code ETARGET\\nnpm error notarget No matching version found for openclaw@2026.9.6.');
  process.exit(1);
}
if (mode === 'down') { console.error('npm error code ECONNREFUSED'); process.exit(1); }
console.error('npm http fetch GET 200 https://registry.example/openclaw 12ms');
fs.mkdirSync('node_modules/openclaw', { recursive: true });
fs.writeFileSync('node_modules/openclaw/openclaw.mjs', '');
fs.writeFileSync('package-lock.json', JSON.stringify({ packages: { 'node_modules/openclaw':
  { version: wanted.dependencies.openclaw, integrity: mode === 'changed' ? 'sha512-other' : 'sha512-known' } } }));
`;

let folder = '';
let npm = '';
let runtimesDir = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'molthub-install-'));
  npm = join(folder, 'bin', 'npm');
  runtimesDir = join(folder, 'runtimes');
  mkdirSync(join(folder, 'bin'));
  writeFileSync(npm, `#!${process.execPath}\n${NPM}`);
  chmodSync(npm, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const machineEnv = () => ({
  PATH: join(folder, 'bin'),
  NPM_TOKEN: 'canary-secret',
  DATABASE_URL: 'canary-secret',
  HTTPS_PROXY: 'http://proxy',
});
const install = (more: { version?: string; integrity?: string; lines?: string[] } = {}) =>
  installOpenclaw({
    version: '2026.9.6',
    runtimesDir,
    log: (line) => more.lines?.push(line),
    machineEnv: machineEnv(),
    ...more,
  });
const mode = (name: string) => writeFileSync(`${npm}.mode`, name);
const calls = (): readonly string[] =>
  existsSync(`${npm}.calls`) ? readFileSync(`${npm}.calls`, 'utf8').trim().split('\n') : [];

test('callers at the same time install once, and all get the same', async () => {
  const found = await Promise.all([install(), install(), install()]);
  expect(calls()).toHaveLength(1);
  expect(found[0]).toEqual({
    version: '2026.9.6',
    entry: join(runtimesDir, 'openclaw-2026.9.6/node_modules/openclaw/openclaw.mjs'),
    node: process.execPath,
    integrity: 'sha512-known',
  });
  expect(new Set(found.map((one) => JSON.stringify(one))).size).toBe(1);
});

test('npm runs no scripts, with its own home and settings, and sees no credential of anybody', async () => {
  await install();
  const call: unknown = JSON.parse(calls()[0] ?? '');
  expect(call).toMatchObject({
    args: ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev', '--loglevel=http'],
    env: {
      HTTPS_PROXY: 'http://proxy',
      npm_config_ignore_scripts: 'true',
      npm_config_cache: join(runtimesDir, '.npm-cache'),
    },
    npmrc: 'registry=https://registry.example/\n',
    package: { dependencies: { openclaw: '2026.9.6' }, overrides: {} },
  });
  expect(calls()[0]).not.toContain('canary-secret');
});

test('progress is told, and no address of a registry', async () => {
  const lines: string[] = [];
  await install({ lines });
  expect(lines).toEqual([
    'installing OpenClaw 2026.9.6: 1 answers from the package registry',
    'OpenClaw 2026.9.6 is installed',
  ]);
});

test('a half install of a process that died is done again, and its leftovers go', async () => {
  mkdirSync(join(runtimesDir, 'openclaw-2026.9.6', 'node_modules'), { recursive: true });
  mkdirSync(join(runtimesDir, '.installing-2026.9.6-dead'));
  await install();
  expect(readdirSync(runtimesDir).toSorted()).toEqual([
    '.openclaw-2026.9.6.lock',
    'openclaw-2026.9.6',
    'openclaw-2026.9.6.integrity',
  ]);
});

test('a package with another sha512 than before is refused and not left installed', async () => {
  await install();
  rmSync(join(runtimesDir, 'openclaw-2026.9.6'), { recursive: true });
  mode('changed');
  await expect(install()).rejects.toThrow(expect.objectContaining({ code: 'openclaw.integrity-changed' }));
  expect(existsSync(join(runtimesDir, 'openclaw-2026.9.6'))).toBe(false);
});

test('a known sha512 is required of what is installed already, too', async () => {
  await install();
  expect(await install({ integrity: 'sha512-known' })).toMatchObject({ integrity: 'sha512-known' });
  await expect(install({ integrity: 'sha512-other' })).rejects.toThrow(Rejected);
});

test('the one withdrawn package is stood in for, by an empty one', async () => {
  mode('withdrawn');
  await install();
  expect(JSON.parse(calls()[1] ?? '')).toMatchObject({
    package: { overrides: { cssomnom: 'file:./stand-ins/cssomnom' } },
  });
});

test('a version that is not published is refused; a registry that is down is a fault', async () => {
  mode('unknown');
  await expect(install()).rejects.toThrow(expect.objectContaining({ code: 'openclaw.version-unknown' }));
  mode('down');
  await expect(install()).rejects.toThrow('OpenClaw 2026.9.6 could not be installed.');
  await expect(install()).rejects.not.toBeInstanceOf(Rejected);
  expect(readdirSync(runtimesDir)).toEqual(['.openclaw-2026.9.6.lock']);
});

test('a version that is not exact never reaches npm', async () => {
  await expect(install({ version: 'latest' })).rejects.toThrow(Rejected);
  expect(calls()).toEqual([]);
});
