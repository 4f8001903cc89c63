// What of Molthub's is on this machine: folders below its home that say whose they are, and processes that live in one.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { botProcessesBelow } from '@molthub/openclaw';
import { z } from 'zod';
import type { Marked } from '../target.ts';
import { placeOf, readIdentity, unlessMissing } from './local-place.ts';

/**
 * The mark of a folder is its identity, written by this machine for the bot that the folder is named after; that of a
 * process is the state folder in its environment. A name, a command line or a port is none: anybody may have the same.
 */
export const markedOn = async (home: string, nodeId: string): Promise<readonly Marked[]> => {
  const root = join(home, 'bots');
  const processes = new Map((await botProcessesBelow(root)).map(({ name, pid }) => [name, pid]));
  const folders = (await unlessMissing(readdir(root))) ?? [];
  const names = [...new Set([...folders, ...processes.keys()])].filter((name) => z.uuid().safeParse(name).success);
  const found: Marked[] = [];
  for (const botId of names) {
    const pid = processes.get(botId) ?? null;
    const identity = await readIdentity(placeOf(home, botId)).catch(() => null);
    const isOurs = identity?.nodeId === nodeId && identity.botId === botId;
    if (!isOurs && pid === null) continue;
    const detail = pid === null ? `its folder bots/${botId} is left` : `its process runs in bots/${botId}`;
    found.push({ botId, workspace: identity?.workspace ?? 'system', pid, detail });
  }
  return found;
};
