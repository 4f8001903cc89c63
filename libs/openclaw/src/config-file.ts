// A bot's configuration file: written whole or not at all, and read as something a bot or a person may have broken.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import JSON5 from 'json5';
import { isObject, type JsonObject, own, withAt } from './json-tree.ts';
import { replaceFile } from './replace-file.ts';

/** Broken is a state of its own: OpenClaw says nothing about it and goes on with what it had. */
export type ConfigFile =
  | { readonly state: 'missing' }
  | { readonly state: 'broken'; readonly reason: string; readonly sha256: string | undefined }
  | { readonly state: 'read'; readonly parsed: JsonObject; readonly sha256: string };

/** Half as large again as the largest config Molthub accepts, for what OpenClaw adds. */
const FILE_BYTES_MAX = 384 * 1_024;
/** JSON5 is parsed by plain JavaScript: up to 26 ms for this much, so a larger file must be JSON. */
const JSON5_CHARACTERS_MAX = 32 * 1_024;

/** Reads a config file without following links or waiting on anything that is no file. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return { state: 'missing' };
    if (code === 'ELOOP') return broken('it is a link, not a file');
    // A bot that may not read it either goes on with what it had, as with one that is no JSON.
    if (code === 'EACCES' || code === 'EPERM') return broken(`it may not be read (${code})`);
    throw error;
  }
  try {
    const { size, isFile } = await file.stat().then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
    if (!isFile) return broken('it is not a regular file');
    if (size > FILE_BYTES_MAX) return broken(`it has ${size} bytes; at most ${FILE_BYTES_MAX} are read`);
    const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return parseConfigFile(bytes.subarray(0, bytesRead).toString('utf8'));
  } finally {
    await file.close();
  }
}

export function parseConfigFile(text: string): ConfigFile {
  const sha256 = createHash('sha256').update(text).digest('hex');
  const parsed = parseJson5(text);
  if ('reason' in parsed) return { state: 'broken', reason: parsed.reason, sha256 };
  if (!isObject(parsed.value)) return { state: 'broken', reason: 'it holds no object', sha256 };
  return { state: 'read', parsed: parsed.value, sha256 };
}

/**
 * Replaces the file in one step, readable by its owner only. OpenClaw's own `meta` is kept from the file before it (or
 * its last good copy): 2026.4.29 takes a file without it for a damaged one and restores the old.
 */
export async function writeConfigFile(path: string, config: JsonObject): Promise<{ readonly sha256: string }> {
  const meta = await metaOf([path, `${path}.last-good`, `${path}.bak`]);
  const whole = meta === undefined ? config : withAt(config, ['meta'], meta);
  const text = `${JSON.stringify(whole, undefined, 2)}\n`;
  try {
    await replaceFile(path, text);
  } catch (error) {
    throw new Error(`The bot's configuration could not be written to ${path}.`, { cause: error });
  }
  return { sha256: createHash('sha256').update(text).digest('hex') };
}

async function metaOf(paths: readonly string[]): Promise<JsonObject | undefined> {
  for (const path of paths) {
    const file = await readConfigFile(path);
    const meta = file.state === 'read' ? own(file.parsed, 'meta') : undefined;
    if (isObject(meta)) return meta;
  }
  return undefined;
}

/**
 * OpenClaw writes plain JSON; people may write JSON5. Messages name the place, never the text, which may be a secret.
 */
function parseJson5(text: string): { readonly value: unknown } | { readonly reason: string } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    if (text.length > JSON5_CHARACTERS_MAX) return { reason: 'it is no JSON, and too large to be read as JSON5' };
  }
  try {
    return { value: JSON5.parse(text) };
  } catch (error) {
    const place = error instanceof Error ? /at (\d+):(\d+)$/.exec(error.message) : null;
    return { reason: place === null ? 'it is no JSON5' : `it is no JSON5 (line ${place[1]}, column ${place[2]})` };
  }
}

function broken(reason: string): ConfigFile {
  return { state: 'broken', reason, sha256: undefined };
}
