// Against repositories made in a temporary folder.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compared, desiredAt } from './against.ts';
import { commitOf, gitIn, sourcesInCommit } from './git.ts';
import { desiredFrom } from './manifest-files.ts';

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'molthub-git-'));
  git('init', '-q', '-b', 'main');
});
afterEach(() => rmSync(top, { recursive: true }));

const git = (...args: string[]) =>
  String(
    execFileSync('git', ['-C', top, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { stdio: 'pipe' }),
  ).trim();
const write = (name: string, text: string) => {
  mkdirSync(join(top, name, '..'), { recursive: true });
  writeFileSync(join(top, name), text);
};
const commit = (): string => {
  git('add', '-A');
  git('commit', '-qm', 'c', '--allow-empty');
  return git('rev-parse', 'HEAD');
};
const fleet = (name: string, more = '') =>
  `apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: ${name} }\nspec: { environment: dev${more} }\n`;
const files = async (ref: string, path = 'ws') =>
  (await sourcesInCommit(gitIn(top), ref, path)).map(({ file }) => file);

test('a folder is compared with what it was in a commit', async () => {
  write('ws/a.yaml', fleet('a'));
  write('ws/fleets/b.yaml', fleet('b'));
  write('ws/c.yaml', fleet('c'));
  const before = commit();
  write('ws/a.yaml', fleet('a', ', description: hooks.token'));
  rmSync(join(top, 'ws/fleets'), { recursive: true });
  write('ws/d.yaml', fleet('d'));
  const items = compared(await desiredAt(join(top, 'ws'), before), await desiredFrom([join(top, 'ws')]));
  expect(items).toMatchObject([
    { action: 'change', title: 'fleet/a', changes: [{ path: 'spec.description', from: undefined, to: 'hooks.token' }] },
    { action: 'unchanged', title: 'fleet/c' },
    { action: 'create', title: 'fleet/d' },
    { action: 'delete', title: 'fleet/b' },
  ]);
  expect(await desiredAt(join(top, 'ws/a.yaml'), 'main')).toHaveLength(1);
});

test('a folder that was not there yet said nothing', async () => {
  write('other/x.yaml', fleet('x'));
  const before = commit();
  write('ws/a.yaml', fleet('a'));
  expect(await desiredAt(join(top, 'ws'), before)).toEqual([]);
});

test('only documents below the folder are read, and nothing that starts with a dot', async () => {
  for (const name of ['ws/a.yaml', 'ws/x/b.json', 'ws2/c.yaml', 'ws/.github/d.yaml', 'ws/e.md', 'ws/ä b\n.yml'])
    write(name, '{}');
  const head = commit();
  expect((await files(head)).toSorted()).toEqual(['ws/a.yaml', 'ws/x/b.json', 'ws/ä b\n.yml'].toSorted());
  expect(await files(head, '')).toContain('ws2/c.yaml');
  expect(await files(head, '../..').catch(String)).toMatch(/outside repository|^$/);
});

test('links in a commit are refused', async () => {
  write('ws/a.yaml', fleet('a'));
  symlinkSync('/etc/passwd', join(top, 'ws/link.yaml'));
  await expect(files(commit())).rejects.toThrow('ws/link.yaml: is a symbolic link');
});

test('what a commit says is what is in it, byte for byte, whatever the work tree and its filters make of it', async () => {
  write('.gitattributes', '*.yaml filter=evil text eol=crlf\n');
  write('ws/a.yaml', fleet('a'));
  write('ws/empty.yaml', '');
  write('ws/no-newline.yaml', 'x: 1');
  const head = commit();
  git('config', 'filter.evil.smudge', `touch ${join(top, 'ran')}`);
  const sources = await sourcesInCommit(gitIn(top), head, 'ws');
  expect(sources).toEqual([
    { file: 'ws/a.yaml', text: fleet('a') },
    { file: 'ws/empty.yaml', text: '' },
    { file: 'ws/no-newline.yaml', text: 'x: 1' },
  ]);
  expect(() => execFileSync('ls', [join(top, 'ran')], { stdio: 'pipe' })).toThrow();
});

test('names of commits are no options, and one that is not there is told', async () => {
  commit();
  for (const ref of ['--output=/tmp/x', '-x', 'a b', 'a;b', '']) {
    await expect(commitOf(gitIn(top), ref)).rejects.toThrow('is no name of a branch, tag or commit');
  }
  await expect(commitOf(gitIn(top), 'nowhere')).rejects.toThrow(/git rev-parse: .*/);
  expect(await commitOf(gitIn(top), 'HEAD~0')).toBe(git('rev-parse', 'HEAD'));
});

test('a folder that is in no repository is told', async () => {
  const alone = mkdtempSync(join(tmpdir(), 'molthub-alone-'));
  await expect(desiredAt(alone, 'main')).rejects.toThrow(/git rev-parse: .*not a git repository/);
  rmSync(alone, { recursive: true });
});
