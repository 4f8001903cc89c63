// What becomes of bots on this machine when Molthub stops: they go on, unless it was told to stop them too.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { botDirs, findBotProcess, stopBot } from '@molthub/openclaw';

/** Bots whose process runs, by the folders below the home. */
export const runningBots = async (home: string): Promise<readonly string[]> => {
  const root = join(home, 'bots');
  const names = await readdir(root).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  const running = await Promise.all(
    names.map(async (name) => ((await findBotProcess(botDirs(join(root, name)))) ? [join(root, name)] : [])),
  );
  return running.flat();
};

/** Stops them, four at a time at most: each may take its time to finish what it does. */
export const stopBots = async (roots: readonly string[]): Promise<void> => {
  const waiting = [...roots];
  const one = async () => {
    for (let root = waiting.shift(); root; root = waiting.shift()) await stopBot({ dirs: botDirs(root), port: 0 });
  };
  await Promise.all(Array.from({ length: 4 }, one));
};
