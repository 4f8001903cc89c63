import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { desiredBot } from '../target.conformance.ts';
import { type Identity, type Place, placeOf, readIdentity, writeIdentity } from './local-place.ts';
import { changeVersion, isOlder } from './local-snapshot.ts';

let home = '';
let place: Place;
let identity: Identity;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-snapshot-'));
  place = placeOf(home, desiredBot().botId);
  await mkdir(place.dirs.state, { recursive: true });
  identity = await writeIdentity(place, {
    botId: place.botId,
    nodeId: 'n',
    workspace: 'default',
    port: 18_789,
    version: '2026.8.1',
    isRestoring: false,
    generation: 1,
    channels: 'open',
    restarts: 0,
    processKey: null,
    startedAt: null,
    intent: 'stopped',
  });
  await write('state of 8.1');
});
afterEach(() => rm(home, { recursive: true, force: true }));

const write = async (text: string) => {
  await writeFile(join(place.dirs.state, 'db'), text);
  await writeFile(place.dirs.configFile, JSON.stringify({ text }));
};
const state = () => readFile(join(place.dirs.state, 'db'), 'utf8');
const move = async (version: string) => {
  identity = await changeVersion(place, identity, version, () => {});
};

test('an upgrade keeps the state; going back puts it in place, and the newer state is kept as well', async () => {
  await move('2026.9.6');
  expect(await state()).toBe('state of 8.1');
  await write('state of 9.6');
  await move('2026.8.1');
  expect(await state()).toBe('state of 8.1');
  expect(JSON.parse(await readFile(place.dirs.configFile, 'utf8'))).toEqual({ text: 'state of 8.1' });
  expect(await readFile(join(place.snapshots, '2026.9.6', 'state', 'db'), 'utf8')).toBe('state of 9.6');
  expect(await readIdentity(place)).toMatchObject({ version: '2026.8.1', isRestoring: false });
});

test('a way back that was cut off is gone again to its end, without keeping half of it as a state', async () => {
  await move('2026.9.6');
  await write('state of 9.6');
  await move('2026.8.1');
  identity = await writeIdentity(place, { ...identity, isRestoring: true });
  await write('half a state');
  await move('2026.8.1');
  expect(await state()).toBe('state of 8.1');
  expect(await readFile(join(place.snapshots, '2026.9.6', 'state', 'db'), 'utf8')).toBe('state of 9.6');
});

test('a way back that was cut off and then given up leaves the copy that it came from as it was', async () => {
  await move('2026.9.6');
  await write('state of 9.6');
  identity = await writeIdentity(place, { ...identity, version: '2026.8.1', isRestoring: true });
  await move('2026.9.6');
  expect(await readFile(join(place.snapshots, '2026.8.1', 'state', 'db'), 'utf8')).toBe('state of 8.1');
});

test('a version that never ran has nothing to put back', async () => {
  await rm(place.dirs.state, { recursive: true });
  await move('2026.9.6');
  await move('2026.8.1');
  expect(await readIdentity(place)).toMatchObject({ version: '2026.8.1', isRestoring: false });
});

test('the same version again changes nothing', async () => {
  await move('2026.8.1');
  expect(await state()).toBe('state of 8.1');
  await expect(readFile(join(place.snapshots, '2026.8.1', 'state', 'db'))).rejects.toThrow(/ENOENT/);
});

describe('versions', () => {
  test.each([
    ['2026.4.29', '2026.9.6', true],
    ['2026.9.6', '2026.10.1', true],
    ['2026.9.6', '2026.9.6', false],
    ['2026.9.6-2', '2026.9.6', false],
    ['2026.9.6', '2026.9.6-2', true],
  ] as const)('%s is older than %s: %s', (a, b, is) => expect(isOlder(a, b)).toBe(is));
});
