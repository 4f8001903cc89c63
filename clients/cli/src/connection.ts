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
  /** Whether the home says that this is its server: nobody named it, and it is no guess. */
  readonly isOfHome?: boolean;
  /** Whether the key was named, and is not the home's. */
  readonly isKeyNamed?: boolean;
  /** The home, where it has no key because no Molthub has been started in it yet. */
  readonly unstartedHome?: string;
};

const defaultPort = '4000';
const keyFile = 'admin.key';
const Endpoints = z.looseObject({ api: z.string() });

/**
 * The server: `--server`, else MOLTHUB_SERVER, else the `api` of `<home>/endpoints.json`, else port MOLTHUB_PORT or 4000
 * of this machine, where one that is started now would be.
 * The key: `--key`, else MOLTHUB_KEY, else `<home>/admin.key`; the last is only ever sent to this machine, or to the
 * server that this home belongs to, so that a mistyped address does not get an owner's key.
 */
export const connection = async (
  options: { server?: string | undefined; key?: string | undefined },
  environment: Environment,
): Promise<Connection> => {
  const own = await ownServer(environment.home);
  const named = options.server ?? environment.server;
  const isOfHome = named === undefined && own !== undefined;
  const server = origin(named ?? own ?? serverToBe(environment));
  if (options.key) return { server, isOfHome, isKeyNamed: true, key: options.key, keySource: '--key' };
  if (environment.key) return { server, isOfHome, isKeyNamed: true, key: environment.key, keySource: 'MOLTHUB_KEY' };
  if (!isLoopback(server) && (own === undefined || server !== origin(own))) {
    const path = join(environment.home, keyFile);
    return { server, key: undefined, keySource: `none: ${path} is only used for the server of this machine` };
  }
  const admin = await adminKey(environment.home);
  return own === undefined && admin.isMissing
    ? { server, isOfHome, key: undefined, keySource: admin.keySource, unstartedHome: environment.home }
    : { server, isOfHome, key: admin.key, keySource: admin.keySource };
};

const serverToBe = ({ port = defaultPort }: Environment): string => {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw usageError(`MOLTHUB_PORT: '${port}' is no port`);
  return `http://127.0.0.1:${port}`;
};

const adminKey = async (home: string) => {
  const path = join(home, keyFile);
  try {
    return { key: (await readFile(path, 'utf8')).trim(), keySource: path, isMissing: false };
  } catch (error) {
    const keySource = `none: ${path} cannot be read (${codeOf(error)})`;
    return { key: undefined, keySource, isMissing: codeOf(error) === 'ENOENT' };
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
    throw usageError(`'${text}' is no server address; use one such as http://127.0.0.1:${defaultPort}`);
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
