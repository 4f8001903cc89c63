// Generated files are committed, so that a change of a contract shows in review. Other packages' generators use this too.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** File name below the folder → content. */
export type GeneratedFiles = Readonly<Record<string, string>>;

/** JSON as it is committed. */
export const jsonFile = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The names of files that are missing, stale or left over below `folder`, among those that `owns` names. */
export const staleFiles = async (
  folder: string,
  files: GeneratedFiles,
  owns: (name: string) => boolean,
): Promise<readonly string[]> => {
  const present = (await filesBelow(folder)).filter(owns);
  const leftOver = present.filter((name) => !Object.hasOwn(files, name));
  const compared = Object.entries(files).map(async ([name, content]) =>
    present.includes(name) && (await readFile(join(folder, name), 'utf8')) === content ? [] : [name],
  );
  return [...leftOver, ...(await Promise.all(compared)).flat()].toSorted((a, b) => (a < b ? -1 : 1));
};

/** Writes what is stale and removes what is left over; answers the names. */
export const writeGenerated = async (
  folder: string,
  files: GeneratedFiles,
  owns: (name: string) => boolean,
): Promise<readonly string[]> => {
  const stale = await staleFiles(folder, files, owns);
  for (const name of stale) {
    const path = join(folder, name);
    const content = files[name];
    if (content === undefined) await rm(path);
    else {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
  }
  return stale;
};

const filesBelow = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(whereMissing);
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
};

const whereMissing = (error: unknown): [] => {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
};
