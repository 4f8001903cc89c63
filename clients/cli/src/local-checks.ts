// What this machine must have: Node, disk space, a home, npm.
import { access, constants, statfs } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { Check } from './commands/doctor.ts';
import { codeOf } from './connection.ts';
import type { Environment } from './env.ts';

const nodeMajorMin = 24;
const gib = 1024 ** 3;
/** Below the first a bot's runtime does not fit any more; below the second it soon will not. */
const freeGib = { fail: 1, warn: 5 } as const;

export const localChecks = async (environment: Environment): Promise<Check[]> => [
  nodeCheck(process.versions.node),
  await homeCheck(environment.home),
  await diskCheck(environment.home),
  await npmCheck(environment.path),
];

export const nodeCheck = (version: string): Check => {
  const name = 'Node';
  if (Number(version.split('.')[0]) >= nodeMajorMin) return { name, result: 'ok', detail: version };
  const fix = `run molthub as \`npx molthub\` in the repository, which brings Node ${nodeMajorMin} along`;
  return { name, result: 'fail', detail: `${version} is older than ${nodeMajorMin}`, fix };
};

const homeCheck = async (home: string): Promise<Check> => {
  const name = 'home';
  const place = await existing(home);
  try {
    await access(place, constants.R_OK | constants.W_OK);
    if (place === home) return { name, result: 'ok', detail: home };
    return { name, result: 'ok', detail: `${home} does not exist yet and can be made` };
  } catch (error) {
    const fix = `give this user ${place}, or set MOLTHUB_HOME to a folder of its own`;
    return { name, result: 'fail', detail: `${place} cannot be written (${codeOf(error)})`, fix };
  }
};

const diskCheck = async (home: string): Promise<Check> => {
  const { bavail, bsize } = await statfs(await existing(home));
  return diskVerdict((bavail * bsize) / gib);
};

export const diskVerdict = (free: number): Check => {
  const name = 'disk space';
  const detail = `${free.toFixed(1)} GiB free`;
  const fix = 'free some space, or set MOLTHUB_HOME to a larger disk';
  if (free < freeGib.fail) return { name, result: 'fail', detail, fix };
  return free < freeGib.warn ? { name, result: 'warn', detail, fix } : { name, result: 'ok', detail };
};

const npmCheck = async (path: string): Promise<Check> => {
  const name = 'npm';
  const file = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    if (await isExecutable(join(folder, file))) return { name, result: 'ok', detail: join(folder, file) };
  }
  const fix = 'install npm, or add its folder to PATH where Molthub is started';
  return { name, result: 'warn', detail: 'not on PATH, so no OpenClaw bot can be installed on target local', fix };
};

const isExecutable = async (file: string): Promise<boolean> => {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    // Absent or not ours to run: both mean that this is not the npm we look for.
    return false;
  }
};

/** The folder itself, or the nearest one above that exists. */
const existing = async (folder: string): Promise<string> => {
  try {
    await access(folder);
    return folder;
  } catch (error) {
    const parent = dirname(folder);
    if (parent === folder || codeOf(error) !== 'ENOENT') return folder;
    return existing(parent);
  }
};
