// Node 24, pnpm and the workspace's dependencies: installed once, and again only when a lockfile changes.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const root = dirname(here);
const nodeMajorMin = 24;

/** Installs what is missing and answers the path of a Node 24. Exits 1 with one clear line if it cannot. */
export function ready() {
  installOnce(here, 'package-lock.json', () =>
    spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: here,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    }),
  );
  const node = nodePath();
  const pnpm = join(here, 'node_modules', 'pnpm', 'bin', 'pnpm.cjs');
  installOnce(root, 'pnpm-lock.yaml', () =>
    spawnSync(node, [pnpm, 'install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: environment(node),
    }),
  );
  return node;
}

/**
 * Runs one step to its end and answers its exit code. The child gets a lifeline on fd 3: when this process dies,
 * however it dies, the pipe closes and the child stops by itself.
 */
export function run(node, step) {
  const [command, args] = step.tool ? tool(node, step) : [node, step.node];
  const child = spawn(command, args, {
    cwd: step.here ? process.cwd() : root,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...environment(node), MOLTHUB_LIFELINE_FD: '3' },
  });
  // A terminal sends Ctrl-C to the whole group, a supervisor signals only this process: the child takes both as one.
  process.on('SIGINT', () => child.kill('SIGTERM'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, 500);
  watch.unref();
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
    child.on('error', (error) => fail(`cannot run ${command}: ${error.message}`));
  });
}

function tool(node, step) {
  const entry = join(root, 'node_modules', '.bin', step.tool);
  return [process.platform === 'win32' ? `${entry}.cmd` : entry, step.args];
}

function installOnce(folder, lockfile, install) {
  const hash = createHash('sha256')
    .update(readFileSync(join(folder, lockfile)))
    .digest('hex');
  const stamp = join(folder, 'node_modules', '.molthub-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  process.stderr.write(
    `molthub: installing ${lockfile === 'pnpm-lock.yaml' ? 'dependencies' : 'Node 24 and pnpm'} …\n`,
  );
  const result = install();
  if (result.status !== 0) fail(`the install of ${lockfile} failed; is a package registry reachable from here?`);
  writeFileSync(stamp, hash);
}

function nodePath() {
  if (Number(process.versions.node.split('.')[0]) >= nodeMajorMin) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const path = join(
    here,
    'node_modules',
    `node-${platform}-${process.arch}`,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (!existsSync(path))
    fail(
      `no Node ${nodeMajorMin} is packaged for ${platform}-${process.arch}; install Node ${nodeMajorMin} or newer and run this again.`,
    );
  return path;
}

/** Scripts that call `node` get the same Node 24. */
function environment(node) {
  return {
    ...process.env,
    // V8 lets what is new take three times 32 MB for each thread before it looks through it; half of that costs a program
    // of many threads little time, and saves it 100 MB after a burst. Who sets it otherwise comes after, and wins.
    NODE_OPTIONS: `--max-semi-space-size=16 ${process.env.NODE_OPTIONS ?? ''}`.trim(),
    PATH: `${dirname(node)}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH ?? ''}`,
  };
}

function fail(reason) {
  console.error(`molthub: ${reason}`);
  process.exit(1);
}
