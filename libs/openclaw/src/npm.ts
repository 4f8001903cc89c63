// Runs the machine's own npm, cut off from the user's configuration and environment except for how to reach the
// registry.
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Rejected } from '@molthub/decider';
import { z } from 'zod';

/** The environment of the machine, as the composition root read it. Only named variables of it are ever handed on. */
export type MachineEnv = Readonly<Record<string, string | undefined>>;

export type Npm = { readonly bin: string; readonly searchPath: string };

/** Reaching the registry may need these; nothing else of the machine's environment reaches npm. */
const NETWORK_VARIABLES = [
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SystemRoot',
];
const STDERR_LINES_MAX = 60;

export async function findNpm(machineEnv: MachineEnv): Promise<Npm> {
  const own = dirname(process.execPath);
  const folders = (machineEnv['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const searched = [...folders, own, '/usr/local/bin', '/usr/bin', '/bin'];
  for (const folder of searched) {
    const bin = join(folder, process.platform === 'win32' ? 'npm.cmd' : 'npm');
    try {
      await access(bin, constants.X_OK);
      // npm finds the machine's global npmrc beside the Node it runs on, so its own neighbour comes first.
      return { bin, searchPath: [...new Set([folder, ...searched])].join(delimiter) };
    } catch {
      continue;
    }
  }
  throw new Rejected(
    'openclaw.npm-not-found',
    `OpenClaw is installed with npm, which is in none of ${searched.join(', ')}. Install npm, or put it on PATH.`,
  );
}

/** npm prints every setting; those that name the way to the registry are read, credentials never. */
const npmSettings = z.object({
  registry: z.url(),
  cafile: z.string().nullish(),
  'strict-ssl': z.boolean().nullish(),
  proxy: z.string().nullish(),
  'https-proxy': z.string().nullish(),
  noproxy: z.union([z.string(), z.array(z.string())]).nullish(),
});

/** The text of an npmrc that reaches the same registry as the machine's own npm does, without its credentials. */
export async function registrySettings(npm: Npm, machineEnv: MachineEnv, folder: string): Promise<string> {
  const env = { HOME: homedir(), ...machineEnv, PATH: npm.searchPath };
  let printed = '';
  await runNpm({ npm, env, folder, args: ['config', 'list', '--json'], onStdout: (line) => (printed += `${line}\n`) });
  const settings = npmSettings.parse(JSON.parse(printed));
  const registry = new URL(settings.registry);
  registry.username = '';
  registry.password = '';
  const lines = [`registry=${registry.href}`];
  if (settings.cafile) lines.push(`cafile=${settings.cafile}`);
  if (settings['strict-ssl'] === false) lines.push('strict-ssl=false');
  if (settings.proxy) lines.push(`proxy=${settings.proxy}`);
  if (settings['https-proxy']) lines.push(`https-proxy=${settings['https-proxy']}`);
  const noproxy = [settings.noproxy ?? []].flat().filter((host) => host !== '');
  if (noproxy.length > 0) lines.push(`noproxy=${noproxy.join(',')}`);
  return `${lines.join('\n')}\n`;
}

/** The environment npm installs with: own home, own npmrc, own cache; no token of anybody. */
export function installEnv(npm: Npm, machineEnv: MachineEnv, places: { home: string; npmrc: string; cache: string }) {
  const network = Object.fromEntries(
    NETWORK_VARIABLES.flatMap((name) => (machineEnv[name] === undefined ? [] : [[name, machineEnv[name]]])),
  );
  return {
    ...network,
    PATH: npm.searchPath,
    HOME: places.home,
    TMPDIR: places.home,
    npm_config_userconfig: places.npmrc,
    npm_config_globalconfig: join(places.home, 'no-global-npmrc'),
    npm_config_cache: places.cache,
    npm_config_update_notifier: 'false',
    npm_config_ignore_scripts: 'true',
  };
}

export class NpmFailed extends Error {
  readonly output: string;
  constructor(message: string, output: string) {
    super(message);
    this.name = 'NpmFailed';
    this.output = output;
  }
}

type NpmRun = {
  readonly npm: Npm;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly args: readonly string[];
  readonly signal?: AbortSignal;
  readonly onStdout?: (line: string) => void;
  readonly onStderr?: (line: string) => void;
};

/** Runs npm to its end; a failure carries the last lines npm wrote. */
export async function runNpm(run: NpmRun): Promise<void> {
  const child = spawn(run.npm.bin, [...run.args], {
    cwd: run.folder,
    env: { ...run.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  });
  const last: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => run.onStdout?.(line));
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line.slice(0, 500));
    if (last.length > STDERR_LINES_MAX) last.shift();
    run.onStderr?.(line);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  const said = last.filter((line) => line.startsWith('npm error')).join('\n');
  throw new NpmFailed(`npm ${run.args[0]} ended with code ${code}: ${said.slice(0, 1_000)}`, last.join('\n'));
}
