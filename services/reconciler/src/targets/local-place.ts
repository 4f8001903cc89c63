// Where a bot of this machine lives, and what is written down about it there.
import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BotDirs, botDirs, PORT_DISTANCE, pickPort, replaceFile } from '@molthub/openclaw';
import { z } from 'zod';

/** Survives Molthub; only this process writes it. */
const Identity = z.object({
  botId: z.uuid(),
  nodeId: z.string(),
  workspace: z.string(),
  port: z.int().min(1).max(65_535),
  /** The version whose state lies here. */
  version: z.string().nullable(),
  /** Set while the state of this version is being put back, so that a crash in between does it again. */
  isRestoring: z.boolean(),
  generation: z.int().min(0),
  channels: z.enum(['open', 'cut']),
  restarts: z.int().min(0),
  /** Names what a process takes over only at its start. */
  processKey: z.string().nullable(),
  startedAt: z.iso.datetime().nullable(),
  intent: z.enum(['running', 'stopped']),
});
export type Identity = z.infer<typeof Identity>;

export type Place = {
  readonly botId: string;
  readonly dirs: BotDirs;
  readonly snapshots: string;
  /** Where below this home others find the bot's token; never the token. */
  readonly tokenReference: string;
};

export const placeOf = (home: string, botId: string): Place => {
  const id = z.uuid().parse(botId);
  const dirs = botDirs(join(home, 'bots', id));
  return { botId: id, dirs, snapshots: join(dirs.root, 'snapshots'), tokenReference: `bots/${id}/gateway.token` };
};

/** The id of this machine as far as bots are bound to it; made once per home. */
export const nodeIdOf = async (home: string): Promise<string> => {
  await mkdir(home, { recursive: true, mode: 0o700 });
  return firstWritten(join(home, 'node-id'), randomBytes(8).toString('hex'));
};

export const readIdentity = async (place: Place): Promise<Identity | null> => {
  const text = await unlessMissing(readFile(identityFile(place), 'utf8'));
  if (text === null) return null;
  const parsed = Identity.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Error(`${identityFile(place)} cannot be read; restore it, or remove the bot's folder to begin again.`);
};

export const writeIdentity = async (place: Place, identity: Identity): Promise<Identity> => {
  await replaceFile(identityFile(place), `${JSON.stringify(identity, null, 2)}\n`);
  return identity;
};

/** Makes the bot's folder with a port and a token of its own, or finds those it has. Callers take turns. */
export const prepare = async (home: string, place: Place, nodeId: string, workspace: string): Promise<Identity> => {
  const known = await readIdentity(place);
  await mkdir(place.dirs.root, { recursive: true, mode: 0o700 });
  await firstWritten(tokenFile(place), newToken());
  if (known) return known;
  return writeIdentity(place, {
    botId: place.botId,
    nodeId,
    workspace,
    port: await pickPort({ taken: await portsTaken(home, place), base: basePort(nodeId) }),
    version: null,
    isRestoring: false,
    generation: 0,
    channels: 'open',
    restarts: 0,
    processKey: null,
    startedAt: null,
    intent: 'stopped',
  });
};

/** Makes another token. What runs with the old one has to start anew. */
export const renewToken = (place: Place): Promise<void> => replaceFile(tokenFile(place), `${newToken()}\n`);

export const readToken = async (place: Place): Promise<string> => (await readFile(tokenFile(place), 'utf8')).trim();

/** Gives a bot that does not run another port where somebody else took its own meanwhile. Callers take turns. */
export const withFreePort = async (home: string, place: Place, identity: Identity): Promise<Identity> => {
  const port = await pickPort({ taken: await portsTaken(home, place), base: identity.port });
  return port === identity.port ? identity : writeIdentity(place, { ...identity, port });
};

/** Two homes on one machine would pick the same ports at the same time; from below the ports of outgoing connections. */
const basePort = (nodeId: string): number =>
  firstPort + PORT_DISTANCE * (Number.parseInt(nodeId.slice(0, 8), 16) % bases);
const firstPort = 18_789;
const bases = 100;

/** The ports of the other bots of this home. */
const portsTaken = async (home: string, place: Place): Promise<readonly number[]> => {
  const names = await readdir(join(home, 'bots'));
  const ids = names.filter((name) => name !== place.botId && z.uuid().safeParse(name).success);
  const identities = await Promise.allSettled(ids.map((id) => readIdentity(placeOf(home, id))));
  // A bot whose folder is damaged is its own trouble; that a port is really free is tried before it is taken.
  return identities.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value.port] : []));
};

/** The file's content; whoever writes it first decides it. */
const firstWritten = async (file: string, text: string): Promise<string> => {
  try {
    await writeFile(file, `${text}\n`, { flag: 'wx', mode: 0o600, flush: true });
    return text;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const written = (await readFile(file, 'utf8')).trim();
  if (written !== '') return written;
  // The machine went down before the content was on the disk, so that nothing relies on it yet.
  await replaceFile(file, `${text}\n`);
  return text;
};

/**
 * Removes a bot's folder, or what is left of it. Cut off in the middle, a removal in place might leave the token behind
 * and nothing that says whose it is; so the folder first gets another name, in one step.
 */
export const removePlace = async (place: Place): Promise<void> => {
  const leftOver = leftOverOf(place);
  await remove(leftOver);
  await unlessMissing(rename(place.dirs.root, leftOver));
  await remove(leftOver);
};

/** Something is here of a bot that has no identity here: a removal, or the making of its folder, was cut off. */
export const isAnythingLeft = async (place: Place): Promise<boolean> => {
  const found = [place.dirs.root, leftOverOf(place)].map((path) => unlessMissing(access(path).then(() => true)));
  return (await Promise.all(found)).includes(true);
};

/** What removals that were cut off left below this home. */
export const removeLeftOvers = async (home: string): Promise<void> => {
  const names = (await unlessMissing(readdir(join(home, 'bots')))) ?? [];
  for (const name of names) {
    const id = z.uuid().safeParse(name.slice(0, -deleting.length));
    if (name.endsWith(deleting) && id.success) await remove(join(home, 'bots', name));
  }
};

const deleting = '.deleting';
const leftOverOf = (place: Place) => `${place.dirs.root}${deleting}`;
const remove = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 3 });

const identityFile = (place: Place) => join(place.dirs.root, 'identity.json');
/** Known by its form to whoever hides secrets, so that a bot that says its own tells nobody. */
const newToken = () => `mhb_${randomBytes(32).toString('base64url')}`;
export const tokenFile = (place: Place) => join(place.dirs.root, 'gateway.token');

/** Null where there is no such file. */
export const unlessMissing = async <T>(reading: Promise<T>): Promise<T | null> => {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
