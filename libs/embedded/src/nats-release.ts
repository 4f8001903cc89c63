// Fetches the official nats-server release for the platforms whose archive we have seen and hashed.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const VERSION = '2.14.5';
const ARCHIVES: Readonly<Record<string, { readonly name: string; readonly sha256: string }>> = {
  'linux-x64': { name: 'linux-amd64', sha256: '5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355' },
  'linux-arm64': { name: 'linux-arm64', sha256: '673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c' },
};
const ANSWER_TIMEOUT_MS = 4_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;

/** Puts the release's program at `into`; throws when the archive is not the pinned one or cannot be had. */
export async function fetchFromGithub(into: string, workDir: string): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const archive = ARCHIVES[platform];
  if (archive === undefined) throw new Error(`no release of a known sha256 for ${platform}`);
  const folder = `nats-server-v${VERSION}-${archive.name}`;
  const url = `https://github.com/nats-io/nats-server/releases/download/v${VERSION}/${folder}.tar.gz`;
  const content = await download(url);
  const actual = createHash('sha256').update(content).digest('hex');
  if (actual !== archive.sha256) throw new Error(`${url} has sha256 ${actual}, not the pinned ${archive.sha256}`);
  const file = join(workDir, `${folder}.tar.gz`);
  await writeFile(file, content);
  await run('tar', ['-xzf', file, '-C', workDir, `${folder}/nats-server`]);
  await rename(join(workDir, folder, 'nats-server'), into);
  return url;
}

/** Gives up soon when nobody answers, and has patience once something comes. */
async function download(url: string): Promise<Uint8Array> {
  const abort = new AbortController();
  const answerTimer = setTimeout(() => abort.abort(new Error('no answer in time')), ANSWER_TIMEOUT_MS);
  const downloadTimer = setTimeout(() => abort.abort(new Error('download too slow')), DOWNLOAD_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(answerTimer);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return await response.bytes();
  } catch (cause) {
    throw new Error(`${url} cannot be fetched (${reason(cause)})`, { cause });
  } finally {
    clearTimeout(answerTimer);
    clearTimeout(downloadTimer);
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
