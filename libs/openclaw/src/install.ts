// Brings one exact OpenClaw version onto this machine, once, whoever asks and however often.
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Rejected } from '@molthub/decider';
import { z } from 'zod';
import { withFileLock } from './file-lock.ts';
import { findNpm, installEnv, type MachineEnv, NpmFailed, registrySettings, runNpm } from './npm.ts';
import { assertPinnedVersion, versionReason } from './version.ts';

export type OpenclawInstall = {
  readonly version: string;
  /** Path of the version's `openclaw.mjs`. */
  readonly entry: string;
  /** Path of the Node that runs it: the one that runs Molthub. */
  readonly node: string;
  /** The registry's sha512 of the package, as npm verified it. */
  readonly integrity: string;
};

export type InstallProgress = { readonly step: 'waiting' | 'fetching' | 'installed'; readonly packagesFetched: number };

export type InstallRequest = {
  readonly version: string;
  readonly runtimesDir: string;
  readonly log: (line: string) => void;
  readonly onProgress?: (progress: InstallProgress) => void;
  readonly signal?: AbortSignal;
  readonly machineEnv?: MachineEnv;
  /** The sha512 this version must have; without it, what an earlier install of the version on this machine had. */
  readonly integrity?: string;
};

const INSTALL_LIMIT_MS = 15 * 60_000;
const stamp = z.object({ version: z.string(), integrity: z.string().startsWith('sha512-') });
const lockfile = z.object({
  packages: z.object({ 'node_modules/openclaw': z.object({ version: z.string(), integrity: z.string() }) }),
});

/**
 * Installs OpenClaw from npm below `<runtimesDir>/openclaw-<version>`. Callers in several processes wait for the one
 * that
 * installs; a half install of a killed process is done again. No script of any package runs. About 20 s and 400–900
 * MB a
 * version. Throws `Rejected` for a version that is not exact, a missing npm, or a package whose sha512 changed.
 */
export async function installOpenclaw(request: InstallRequest): Promise<OpenclawInstall> {
  assertPinnedVersion(request.version);
  const final = join(request.runtimesDir, `openclaw-${request.version}`);
  const before = await installed(final, request);
  if (before !== undefined) return before;
  await mkdir(request.runtimesDir, { recursive: true, mode: 0o700 });
  const waiting = () => request.onProgress?.({ step: 'waiting', packagesFetched: 0 });
  const options = { onWait: waiting, ...(request.signal === undefined ? {} : { signal: request.signal }) };
  return withFileLock(join(request.runtimesDir, `.openclaw-${request.version}.lock`), options, async () => {
    const meanwhile = await installed(final, request);
    if (meanwhile !== undefined) return meanwhile;
    await removeLeftovers(request);
    const temporary = join(request.runtimesDir, `.installing-${request.version}-${randomBytes(6).toString('hex')}`);
    try {
      await fetchPackages(request, temporary);
      const integrity = await verify(request, temporary);
      await writeFile(join(temporary, 'install.json'), JSON.stringify({ version: request.version, integrity }));
      await rm(final, { recursive: true, force: true });
      await rename(temporary, final);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
    const done = await installed(final, request);
    if (done === undefined)
      throw new Error(`OpenClaw ${request.version} was installed but is not readable in ${final}.`);
    request.log(`OpenClaw ${request.version} is installed`);
    return done;
  });
}

async function installed(final: string, request: InstallRequest): Promise<OpenclawInstall | undefined> {
  const text = await readFile(join(final, 'install.json'), 'utf8').catch(ignoreMissing);
  if (text === undefined) return undefined;
  const found = stamp.safeParse(parseJson(text));
  if (!found.success || found.data.version !== request.version) return undefined;
  const entry = await realpath(join(final, 'node_modules', 'openclaw', 'openclaw.mjs')).catch(ignoreMissing);
  if (entry === undefined) return undefined;
  if (request.integrity !== undefined && request.integrity !== found.data.integrity) throw changed(request.version);
  return { version: request.version, entry, node: process.execPath, integrity: found.data.integrity };
}

async function fetchPackages(request: InstallRequest, folder: string): Promise<void> {
  const machineEnv = request.machineEnv ?? {};
  const npm = await findNpm(machineEnv);
  const home = join(folder, 'npm-home');
  const npmrc = join(home, 'npmrc');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(npmrc, await registrySettings(npm, machineEnv, home), { mode: 0o600 });
  const env = installEnv(npm, machineEnv, { home, npmrc, cache: join(request.runtimesDir, '.npm-cache') });
  const limit = AbortSignal.timeout(INSTALL_LIMIT_MS);
  const signal = request.signal === undefined ? limit : AbortSignal.any([limit, request.signal]);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev', '--loglevel=http'];
  const run = { npm, env, folder, args, signal, onStderr: progressLines(request) };
  try {
    await writePackageJson(folder, request.version, []);
    await runNpm(run);
  } catch (error) {
    const missing = error instanceof NpmFailed ? withdrawnPackage(error.output) : undefined;
    if (missing === undefined) throw describe(error, request.version);
    request.log(
      `${missing}, which OpenClaw ${request.version} names, is not in the registry: an empty package stands in`,
    );
    await writePackageJson(folder, request.version, [missing]);
    await runNpm(run);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/**
 * linkedom, far below OpenClaw 2026.5.7, names a package that its author withdrew; without a stand-in that version
 * cannot
 * be installed at all. Only this one name is ever stood in for: a stand-in for anything else would hide a fault.
 */
function withdrawnPackage(npmOutput: string): string | undefined {
  return /E404/.test(npmOutput) && /\bcssomnom\b/.test(npmOutput) ? 'cssomnom' : undefined;
}

async function writePackageJson(folder: string, version: string, standIns: readonly string[]): Promise<void> {
  for (const name of standIns) {
    await mkdir(join(folder, 'stand-ins', name), { recursive: true });
    await writeFile(
      join(folder, 'stand-ins', name, 'package.json'),
      JSON.stringify({ name, version: '0.1.11', main: 'index.js' }),
    );
    await writeFile(join(folder, 'stand-ins', name, 'index.js'), 'module.exports = {};\n');
  }
  const overrides = Object.fromEntries(standIns.map((name) => [name, `file:./stand-ins/${name}`]));
  const text = JSON.stringify({
    name: 'molthub-runtime',
    private: true,
    dependencies: { openclaw: version },
    overrides,
  });
  await writeFile(join(folder, 'package.json'), text);
}

async function verify(request: InstallRequest, folder: string): Promise<string> {
  const text = await readFile(join(folder, 'package-lock.json'), 'utf8');
  const { version, integrity } = lockfile.parse(JSON.parse(text)).packages['node_modules/openclaw'];
  if (version !== request.version) throw new Error(`npm installed OpenClaw ${version} instead of ${request.version}.`);
  const entry = await realpath(join(folder, 'node_modules', 'openclaw', 'openclaw.mjs'));
  if (!entry.startsWith((await realpath(folder)) + sep)) throw new Error('The installed openclaw.mjs leads elsewhere.');
  const record = join(request.runtimesDir, `openclaw-${request.version}.integrity`);
  const known = request.integrity ?? (await readFile(record, 'utf8').catch(ignoreMissing));
  if (known !== undefined && known !== integrity) throw changed(request.version);
  await writeFile(record, integrity, { mode: 0o600 });
  return integrity;
}

/** Whoever holds the lock is alone, so any unfinished folder of this version belongs to a process that died. */
async function removeLeftovers(request: InstallRequest): Promise<void> {
  for (const name of await readdir(request.runtimesDir)) {
    if (name.startsWith(`.installing-${request.version}-`)) {
      await rm(join(request.runtimesDir, name), { recursive: true, force: true });
    }
  }
}

function progressLines(request: InstallRequest): (line: string) => void {
  let packagesFetched = 0;
  let reportedAt = 0;
  return (line) => {
    if (!/^npm http (fetch|cache) /.test(line)) return;
    packagesFetched += 1;
    if (Date.now() - reportedAt < 1_000) return;
    reportedAt = Date.now();
    request.onProgress?.({ step: 'fetching', packagesFetched });
    request.log(`installing OpenClaw ${request.version}: ${packagesFetched} answers from the package registry`);
  };
}

function describe(error: unknown, version: string): Error {
  const unknown = error instanceof NpmFailed && /No matching version found for openclaw@/.test(error.output);
  if (unknown) {
    return new Rejected('openclaw.version-unknown', `The package registry has no OpenClaw ${version}`, [
      versionReason('unknown', 'Name a version that is published on npm.'),
    ]);
  }
  return new Error(`OpenClaw ${version} could not be installed.`, { cause: error });
}

function changed(version: string): Rejected {
  return new Rejected(
    'openclaw.integrity-changed',
    `The OpenClaw ${version} offered now is not the one known before: its sha512 differs`,
    [versionReason('integrity-changed', 'Nothing was installed. Find out why the published package changed.')],
  );
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
