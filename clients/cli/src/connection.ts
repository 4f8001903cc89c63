// Which server the CLI talks to, and with which key.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError, usageError } from './cli-error.ts';
import type { Environment } from './env.ts';

export type Connection = {
  /** Origin of the gateway, without a slash at its end. */
  readonly server: string;
  readonly key: string | undefined;
  /** Where the key came from, for the message when a server refuses it. */
  readonly keySource: string;
};

const defaultServer = 'http://127.0.0.1:4000';
const Endpoints = z.looseObject({ api: z.string() });

/**
 * The server: `--server`, else MOLTHUB_SERVER, else the `api` of `<home>/endpoints.json`, else port 4000 of this machine.
 * The key: `--key`, else MOLTHUB_KEY, else `<home>/admin.key`; the last is only ever sent to this machine, or to the
 * server that this home belongs to, so that a mistyped address does not get an owner's key.
 */
export const connection = async (
  options: { server?: string | undefined; key?: string | undefined },
  environment: Environment,
): Promise<Connection> => {
  const own = await ownServer(environment.home);
  const server = origin(options.server ?? environment.server ?? own ?? defaultServer);
  if (options.key) return { server, key: options.key, keySource: '--key' };
  if (environment.key) return { server, key: environment.key, keySource: 'MOLTHUB_KEY' };
  const path = join(environment.home, 'admin.key');
  if (!isLoopback(server) && (own === undefined || server !== origin(own))) {
    return { server, key: undefined, keySource: `none: ${path} is only used for the server of this machine` };
  }
  return adminKey(server, path);
};

const adminKey = async (server: string, path: string): Promise<Connection> => {
  try {
    return { server, key: (await readFile(path, 'utf8')).trim(), keySource: path };
  } catch (error) {
    return { server, key: undefined, keySource: `none: ${path} cannot be read (${codeOf(error)})` };
  }
};

const ownServer = async (home: string): Promise<string | undefined> => {
  const path = join(home, 'endpoints.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    // Not started here yet, or another user's: the default stands, and `doctor` says more.
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw new CliError(`cannot read ${path}: ${codeOf(error)}`, { cause: error });
  }
  try {
    return Endpoints.parse(JSON.parse(text)).api;
  } catch (error) {
    throw new CliError(`${path} is not what Molthub writes there; start Molthub again or pass --server`, {
      cause: error,
    });
  }
};

const origin = (text: string): string => {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw usageError(`'${text}' is no server address; use one such as ${defaultServer}`);
  }
  return url.origin;
};

const isLoopback = (server: string): boolean => {
  const { hostname } = new URL(server);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
};

/** The code of a system error, such as `ENOENT`; otherwise its message. */
export const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
};
