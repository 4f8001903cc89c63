import { chmod, chown, mkdir, mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { desiredBot } from '../target.conformance.ts';
import { isAnythingLeft, type Place, placeOf, prepare, readIdentity, readToken } from './local-place.ts';
import { removeLeftOvers, removePlace, writeIdentity } from './local-place.ts';

let home = '';
let place: Place;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-place-'));
  place = placeOf(home, desiredBot().botId);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(home, { recursive: true, force: true });
});

test("a bot's token and its identity are on the disk before anything relies on them", async () => {
  const file = await open(join(home, 'any'), 'w');
  const sync = vi.spyOn(Object.getPrototypeOf(file), 'sync');
  await file.close();
  const identity = await prepare(home, place, 'a0b1c2d3e4f5a6b7', 'default');
  expect(sync).toHaveBeenCalledTimes(2);
  await writeIdentity(place, { ...identity, intent: 'running' });
  expect(sync).toHaveBeenCalledTimes(3);
});

test('a token that a crash left empty is made anew, and one that is there is kept', async () => {
  await mkdir(place.dirs.root, { recursive: true });
  await writeFile(join(place.dirs.root, 'gateway.token'), '');
  await prepare(home, place, 'a0b1c2d3e4f5a6b7', 'default');
  const token = await readToken(place);
  expect(token).toMatch(/^mhb_[\w-]{43}$/);
  await prepare(home, place, 'a0b1c2d3e4f5a6b7', 'default');
  expect(await readToken(place)).toBe(token);
});

test('a removal that ends halfway has taken the whole folder out of the way, and is finished later', async () => {
  await asSomebody(async () => {
    await prepare(home, place, 'a0b1c2d3e4f5a6b7', 'default');
    const locked = join(place.dirs.state, 'locked');
    await mkdir(locked, { recursive: true });
    await writeFile(join(locked, 'kept'), '');
    await chmod(locked, 0o500);
    await expect(removePlace(place)).rejects.toThrow('EACCES');
    expect([await readIdentity(place), await isAnythingLeft(place)]).toEqual([null, true]);
    expect(await readdir(join(home, 'bots'))).toEqual([`${place.botId}.deleting`]);
    await chmod(join(home, 'bots', `${place.botId}.deleting`, 'state', 'locked'), 0o700);
    await removePlace(place);
    expect([await isAnythingLeft(place), await readdir(join(home, 'bots'))]).toEqual([false, []]);
  });
});

test('what is left of removed bots goes, and nothing else does', async () => {
  const other = placeOf(home, '0198c0de-0000-7000-8000-00000000b072');
  for (const one of [place, other]) await prepare(home, one, 'a0b1c2d3e4f5a6b7', 'default');
  await rename(place.dirs.root, `${place.dirs.root}.deleting`);
  await mkdir(join(home, 'bots', 'notes.deleting'));
  await removeLeftOvers(home);
  expect(await readdir(join(home, 'bots'))).toEqual([other.botId, 'notes.deleting']);
});

test('a home without bots has nothing left of them', async () => {
  await removeLeftOvers(home);
  expect(await readdir(home)).toEqual([]);
});

/** Root may remove everything; a removal that fails needs a user who is not. */
const asSomebody = async (work: () => Promise<void>) => {
  if (process.geteuid?.() !== 0) return work();
  await chown(home, 65_534, 65_534);
  process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
};
