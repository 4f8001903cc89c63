// Fetches nats-server from the mirror of a Debian or Ubuntu machine with apt on folders of its own: no root, nothing
// installed, the machine's own package state untouched, signatures checked by apt with the machine's own keys.
import { execFile } from 'node:child_process';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const UPDATE_TIMEOUT_MS = 90_000;

/** Newest first. The packages are Go programs that need little from the system, so a newer suite's runs on an older. */
const SUITES: Readonly<Record<string, { readonly suites: readonly string[]; readonly component: string }>> = {
  debian: { suites: ['sid', 'forky', 'trixie'], component: 'main' },
  ubuntu: { suites: ['devel'], component: 'universe' },
};

type Mirror = { readonly uri: string; readonly signedBy: string | null };

/** Puts the package's program at `into`; throws every suite's reason when none has one that can be used. */
export async function fetchFromDebianMirror(into: string, workDir: string): Promise<string> {
  const distribution = await distributionId();
  const newer = SUITES[distribution];
  if (newer === undefined) throw new Error(`only for Debian and Ubuntu; this is ${distribution || 'neither'}`);
  const mirror = await mirrorOf(distribution);
  const failures: string[] = [];
  for (const suite of newer.suites) {
    const root = join(workDir, `apt-${suite}`);
    try {
      const program = await fetchSuite(root, mirror, suite, newer.component);
      await rename(program, into);
      await run(into, ['--version'], { timeout: 10_000 });
      return `${mirror.uri} ${suite}`;
    } catch (error) {
      failures.push(`${suite}: ${error instanceof Error ? error.message.trim() : String(error)}`);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  }
  throw new Error(failures.join('; '));
}

async function fetchSuite(root: string, mirror: Mirror, suite: string, component: string): Promise<string> {
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'deb', 'unpacked']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  const options = mirror.signedBy === null ? '' : ` [signed-by=${mirror.signedBy}]`;
  await writeFile(join(root, 'sources.list'), `deb${options} ${mirror.uri} ${suite} ${component}\n`);
  await writeFile(join(root, 'status'), '');
  const settings = aptSettings(root).flatMap((setting) => ['-o', setting]);
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
  const limits = { cwd: join(root, 'deb'), env, timeout: UPDATE_TIMEOUT_MS };
  for (const command of [['update'], ['download', 'nats-server']]) {
    await run('apt-get', [...settings, ...command], limits).catch((cause: unknown) => {
      throw new Error(firstComplaint(cause), { cause });
    });
  }
  const deb = (await readdir(join(root, 'deb'))).find((name) => name.endsWith('.deb'));
  if (deb === undefined) throw new Error('has no package nats-server');
  await run('dpkg-deb', ['-x', join(root, 'deb', deb), join(root, 'unpacked')]);
  for (const folder of ['usr/sbin', 'usr/bin']) {
    const program = join(root, 'unpacked', folder, 'nats-server');
    if (await exists(program)) return program;
  }
  throw new Error(`${basename(deb)} holds no nats-server`);
}

/** Of a failed apt only its first error; the command line before it is long and helps nobody. */
function firstComplaint(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const complaint = /^E: (.*)$/m.exec('stderr' in error ? String(error.stderr) : '')?.[1];
  return complaint ?? error.message.split('\n').at(-1) ?? error.message;
}

function aptSettings(root: string): string[] {
  return [
    `Dir::State=${root}/state`,
    `Dir::State::status=${root}/status`,
    `Dir::Cache=${root}/cache`,
    `Dir::Etc::sourcelist=${root}/sources.list`,
    'Dir::Etc::sourceparts=-',
    'Dir::Etc::preferences=-',
    'Dir::Etc::preferencesparts=-',
    // As root apt would become the user _apt, who cannot write here.
    'APT::Sandbox::User=',
    'APT::Get::AllowUnauthenticated=false',
    'Acquire::AllowInsecureRepositories=false',
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    'Acquire::http::Timeout=8',
    'Acquire::https::Timeout=8',
    'Acquire::Retries=1',
    'APT::Update::Error-Mode=any',
  ];
}

async function distributionId(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID="?([a-z]+)"?$/m.exec(text)?.[1] ?? '';
}

/** The mirror that this machine's own apt sources name for its distribution. */
async function mirrorOf(distribution: string): Promise<Mirror> {
  const folder = '/etc/apt/sources.list.d';
  const names = (await readdir(folder).catch(() => [])).toSorted((left, right) => left.localeCompare(right, 'en'));
  const files = ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const found = file.endsWith('.sources') ? fromDeb822(text, distribution) : fromOneLine(text, distribution);
    if (found !== null) return found;
  }
  throw new Error('no mirror of the distribution in the apt sources of this machine');
}

/** Security archives and vendors' repositories have no nats-server: the path must end in the distribution's name. */
function isArchive(uri: string, distribution: string): boolean {
  return /^https?:\/\//.test(uri) && uri.replace(/\/+$/, '').endsWith(`/${distribution}`);
}

/** From the multi-line form (`URIs:`, `Signed-By:`). */
export function fromDeb822(text: string, distribution: string): Mirror | null {
  for (const stanza of text.split(/\n\s*\n/)) {
    const uri = /^URIs:\s*(.+)$/m
      .exec(stanza)?.[1]
      ?.split(/\s+/)
      .find((item) => isArchive(item, distribution));
    const signedBy = /^Signed-By:\s*(\/\S+)$/m.exec(stanza)?.[1] ?? null;
    if (uri !== undefined && !/^Enabled:\s*no/m.test(stanza)) return { uri, signedBy };
  }
  return null;
}

/** From the one-line form (`deb [options] uri suite components`). */
export function fromOneLine(text: string, distribution: string): Mirror | null {
  for (const line of text.split('\n')) {
    const parts = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)/.exec(line.trim());
    const uri = parts?.[2];
    if (uri === undefined || !isArchive(uri, distribution)) continue;
    return { uri, signedBy: /signed-by=(\/[^\s,]+)/.exec(parts?.[1] ?? '')?.[1] ?? null };
  }
  return null;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
