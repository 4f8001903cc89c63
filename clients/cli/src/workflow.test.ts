// The example's workflow, its steps run as they stand on a pull request in a temporary repository.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const example = fileURLToPath(new URL('../../../examples/git-workspace', import.meta.url));
const Workflow = z.looseObject({
  jobs: z.looseObject({ check: z.looseObject({ steps: z.array(z.looseObject({ run: z.string().optional() })) }) }),
});

let top: string;
const git = (...args: string[]) =>
  execFileSync('git', ['-C', top, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { stdio: 'pipe' });
const commit = () => {
  git('add', '-A');
  git('commit', '-qm', 'c');
};
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'molthub-workflow-'));
  cpSync(example, top, { recursive: true });
  git('init', '-q', '-b', 'main');
  commit();
  git('update-ref', 'refs/remotes/origin/main', 'HEAD');
});
afterAll(() => rmSync(top, { recursive: true }));

/** The exit code of each step, and the summary. */
const run = () => {
  const workflow = Workflow.parse(parse(readFileSync(join(top, '.github/workflows/molthub.yaml'), 'utf8')));
  const summary = join(top, '.git', 'summary.md');
  rmSync(summary, { force: true });
  const env = {
    PATH: '/usr/bin:/bin',
    MOLTHUB: `${process.execPath} ${main}`,
    MOLTHUB_HOME: '/nonexistent',
    BASE: 'origin/main',
    GITHUB_STEP_SUMMARY: summary,
  };
  const scripts = workflow.jobs.check.steps.flatMap((step) => step.run ?? []);
  // As GitHub runs a step.
  const codes = scripts.map((script) => spawnSync('bash', ['-e', '-c', script], { cwd: top, env }).status);
  return { codes, summary: readFileSync(summary, 'utf8') };
};

test('a pull request that changes a bot passes, and its summary says what changes', () => {
  const file = join(top, 'workspace/bots/nora.yaml');
  appendFileSync(file, '  network:\n    inbound: WEBHOOK\n');
  git('checkout', '-qb', 'change');
  execFileSync(process.execPath, [main, 'fmt', file], { stdio: 'pipe' });
  commit();
  const { codes, summary } = run();
  expect(codes).toEqual([0, 0, 0]);
  expect(summary).toContain('### Molthub: 0 to create, 1 to change, 2 unchanged');
  expect(summary).toContain('<code>spec.network</code>');
}, 60_000);

test('one that breaks a document fails', () => {
  appendFileSync(join(top, 'workspace/bots/otto.yaml'), '  colour: red\n');
  commit();
  const { codes, summary } = run();
  expect(codes).toEqual([1, 0, 1]);
  expect(summary).toBe('');
}, 60_000);
