import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { folderLimits, sourceFiles } from './source-files.ts';
import { yamlLimits } from './yaml-documents.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molthub-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = async (name: string, text: string | Buffer) => {
  await mkdir(join(folder, name, '..'), { recursive: true });
  await writeFile(join(folder, name), text);
};

test('a folder gives its documents and those of the folders in it, by name, and nothing that starts with a dot', async () => {
  for (const name of ['b.yaml', 'a.yml', 'c.json', 'bots/d.yaml', 'notes.md', '.git/e.yaml', '.f.yaml'])
    await write(name, name);
  const files = await sourceFiles([folder]);
  expect(files.map(({ text }) => text)).toEqual(['a.yml', 'b.yaml', 'bots/d.yaml', 'c.json']);
});

test('links are refused, whether they lead to files or folders, inside or outside', async () => {
  await write('a.yaml', 'a: 1');
  for (const to of ['/etc/passwd', '/etc', 'a.yaml', 'nowhere']) {
    await symlink(to, join(folder, 'link.yaml'));
    await expect(sourceFiles([folder])).rejects.toThrow('link.yaml: is a symbolic link, and links are not followed');
    await rm(join(folder, 'link.yaml'));
  }
});

test('a file ends at its limit, whatever it says of its size', async () => {
  await write('a.yaml', 'x'.repeat(yamlLimits.fileBytesMax + 1));
  await expect(sourceFiles([folder])).rejects.toThrow('a.yaml: larger than 16 MiB');
  await expect(sourceFiles(['/dev/zero'])).rejects.toThrow('/dev/zero: larger than 16 MiB');
});

test('a folder ends at its limits', async () => {
  await write(`${'d/'.repeat(folderLimits.depthMax + 1)}a.yaml`, 'a: 1');
  await expect(sourceFiles([folder])).rejects.toThrow('more than 16 folders deep');
});

test('what is no UTF-8 is refused', async () => {
  await write('a.yaml', Buffer.from([0x61, 0x3a, 0xff]));
  await expect(sourceFiles([folder])).rejects.toThrow('a.yaml: is not UTF-8 text');
});

test('a folder without documents, and a path without anything, are told', async () => {
  await expect(sourceFiles([folder])).rejects.toThrow('no .yaml, .yml or .json file in it');
  await expect(sourceFiles([join(folder, 'x.yaml')])).rejects.toThrow('ENOENT');
});
