import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { kinds } from './kinds.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

/** The CLI as a process of its own, with nothing of this machine's Molthub in sight. */
const molthub = (args: readonly string[], input = '', path = '/usr/bin:/bin') => {
  const env = { PATH: path, MOLTHUB_HOME: '/nonexistent', MOLTHUB_SERVER: 'http://127.0.0.1:9' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { env, input, encoding: 'utf8' });
  return { status, stdout, stderr };
};

test('help and version end with 0', () => {
  expect(molthub(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('apply') });
  expect(molthub(['--version']).status).toBe(0);
});

test('get tells every kind that it knows', () => {
  const help = molthub(['get', '--help']).stdout;
  for (const { name } of kinds) expect(help).toContain(name);
});

test.each([
  [['nonsense']],
  [['get']],
  [['get', 'nonsense']],
  [['get', 'bots', '-o', 'xml']],
  [['apply']],
  [['rollback', 'fleet', 'support']],
])('%j is a usage error', (args) => {
  expect(molthub(args).status).toBe(2);
});

test('a server that cannot be reached is one line and exit code 1', () => {
  for (const args of [
    ['get', 'bots'],
    ['apply', '-f', `${examples}/first-bot.yaml`],
  ]) {
    const { status, stderr } = molthub(args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^molthub: cannot reach http:\/\/127\.0\.0\.1:9 \(.+\); start it with "npm start" .*\n$/);
  }
});

test('a broken document on standard input is refused before any server is asked', () => {
  const { status, stderr } = molthub(['apply', '-f', '-'], 'kind: Fleet\nspec: [\n');
  expect(status).toBe(1);
  expect(stderr).toMatch(/^molthub: standard input: document 1, line [23]: /);
});

test('lint ends with 0, 1 or 2, and names file and line', () => {
  expect(molthub(['lint', `${examples}/first-bot.yaml`])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0 errors'),
  });
  const { status, stdout } = molthub(['lint', '-', '-o', 'json'], 'kind: Flet\n');
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    documents: 1,
    errors: 1,
    findings: [{ severity: 'error', file: 'standard input', line: 1, path: 'kind' }],
  });
  expect(molthub(['lint', `${examples}/nothing.yaml`])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('ENOENT'),
  });
});

test('fmt writes files in place and tells which; --check only tells', () => {
  const folder = mkdtempSync(join(tmpdir(), 'molthub-fmt-'));
  try {
    const file = join(folder, 'a.yaml');
    const untidy = 'kind: Fleet\napiVersion: molthub/v1\nspec: {environment: dev}\nmetadata: {name: a}\n';
    writeFileSync(file, untidy, { mode: 0o640 });
    expect(molthub(['fmt', '--check', folder])).toMatchObject({ status: 1, stdout: `${file}\n` });
    expect(readFileSync(file, 'utf8')).toBe(untidy);
    expect(molthub(['fmt', folder])).toMatchObject({ status: 0, stdout: `${file}\n` });
    expect(readFileSync(file, 'utf8')).toMatch(/^apiVersion/);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(molthub(['fmt', '--check', folder])).toMatchObject({ status: 0, stdout: '' });
    expect(molthub(['fmt', '-'], untidy)).toMatchObject({ status: 0, stdout: readFileSync(file, 'utf8') });
    writeFileSync(join(folder, 'b.yaml'), 'a: [');
    writeFileSync(file, untidy);
    expect(molthub(['fmt', folder]).status).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe(untidy);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

test('without the git program, what needs it says so', () => {
  const folder = mkdtempSync(join(tmpdir(), 'molthub-git-'));
  try {
    for (const args of [
      ['sync', '--once', '--repo', 'x', '--owner', 'x', '--state', folder],
      ['diff', '--against', 'main', '-f', examples],
    ]) {
      const { status, stderr } = molthub(args, '', '/nonexistent');
      expect(stderr).toBe('molthub: git: the git program is not installed, or not in PATH\n');
      expect(status).toBe(args[0] === 'diff' ? 2 : 1);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the documents among the examples are written as fmt writes them', () => {
  // What lies in rollouts are bodies of requests.
  const documents = readdirSync(examples).filter((name) => name !== 'rollouts');
  const paths = documents.map((name) => join(examples, name));
  expect(molthub(['fmt', '--check', ...paths])).toMatchObject({ status: 0, stdout: '' });
});

test('bash completes commands, and what stands below them', () => {
  const script = molthub(['completion', 'bash']).stdout;
  const completed = (words: string) => {
    const call = `COMP_WORDS=(molthub ${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _molthub; echo "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', `${script}\n${call}`], { encoding: 'utf8' })
      .stdout.trim()
      .split(' ');
  };
  expect(completed('ap')).toEqual(['apply']);
  expect(completed("trace ''")).toEqual(['list', 'show', 'search', 'tail', 'errors', 'compare', 'export', '--help']);
  expect(completed('trace show abc --a')).toEqual(['--all']);
});
