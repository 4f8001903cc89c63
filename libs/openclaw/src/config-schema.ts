// The JSON Schema of an OpenClaw version's configuration, asked once from that version itself.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { botDirs, botEnvironment } from './environment.ts';
import { withFileLock } from './file-lock.ts';
import type { OpenclawInstall } from './install.ts';
import { assertPinnedVersion } from './version.ts';

/** The schema itself is 2.4 MB and stays on disk; this names it. `hash` is the sha256 of the file, in hex. */
export type ConfigSchema = { readonly version: string; readonly hash: string; readonly file: string };

export type ConfigSchemaRequest = {
  readonly install: OpenclawInstall;
  readonly cacheDir: string;
  readonly signal?: AbortSignal;
};

const CLI_LIMIT_MS = 120_000;
const SCHEMA_BYTES_MAX = 16 * 1_048_576;
const jsonSchema = z.looseObject({ type: z.literal('object'), properties: z.record(z.string(), z.unknown()) });

/** Gives the schema from the cache, or runs `openclaw config schema` once (about 3 s), whoever else asks meanwhile. */
export async function configSchema(request: ConfigSchemaRequest): Promise<ConfigSchema> {
  const known = await cachedConfigSchema(request.install.version, request.cacheDir);
  if (known !== undefined) return known;
  await mkdir(request.cacheDir, { recursive: true, mode: 0o700 });
  const lock = join(request.cacheDir, `.openclaw-schema-${request.install.version}.lock`);
  const options = request.signal === undefined ? {} : { signal: request.signal };
  return withFileLock(lock, options, async () => {
    const meanwhile = await cachedConfigSchema(request.install.version, request.cacheDir);
    if (meanwhile !== undefined) return meanwhile;
    const text = await askOpenclaw(request);
    jsonSchema.parse(JSON.parse(text));
    const hash = createHash('sha256').update(text).digest('hex');
    const file = join(request.cacheDir, fileName(request.install.version, hash));
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
    return { version: request.install.version, hash, file };
  });
}

/** The schema of a version, if it was asked before; a damaged file counts as not there. */
export async function cachedConfigSchema(version: string, cacheDir: string): Promise<ConfigSchema | undefined> {
  assertPinnedVersion(version);
  const names = await readdir(cacheDir).catch((): string[] => []);
  for (const name of names.filter((name) => name.startsWith(fileName(version, '').slice(0, -'.json'.length)))) {
    if (!name.endsWith('.json')) continue;
    const file = join(cacheDir, name);
    const hash = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    if (name === fileName(version, hash)) return { version, hash, file };
  }
  return undefined;
}

/** The whole schema, for showing it; validation reads it in its own thread. */
export async function readConfigSchema(schema: ConfigSchema): Promise<Readonly<Record<string, unknown>>> {
  return jsonSchema.parse(JSON.parse(await readFile(schema.file, 'utf8')));
}

function fileName(version: string, hash: string): string {
  return `openclaw-config-${version}.${hash}.json`;
}

async function askOpenclaw({ install, signal }: ConfigSchemaRequest): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'molthub-schema-'));
  try {
    const dirs = botDirs(folder);
    for (const path of [dirs.state, dirs.home, dirs.temporary]) await mkdir(path, { recursive: true, mode: 0o700 });
    const limit = AbortSignal.timeout(CLI_LIMIT_MS);
    const child = spawn(install.node, [install.entry, 'config', 'schema'], {
      cwd: folder,
      env: botEnvironment({ dirs, node: install.node, hasChannels: false }),
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      killSignal: 'SIGKILL',
    });
    const output: Buffer[] = [];
    let bytes = 0;
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > SCHEMA_BYTES_MAX) child.kill('SIGKILL');
      else output.push(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-500)));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`OpenClaw ${install.version} gave no configuration schema (${code}): ${complaint}`);
    return Buffer.concat(output).toString('utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
