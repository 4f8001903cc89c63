import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Place, placeOf } from './local-place.ts';
import { applyModes, securityDifferences } from './local-security.ts';

let home: string;
let place: Place;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-security-'));
  place = placeOf(home, randomUUID());
  await mkdir(place.dirs.state, { recursive: true });
});
afterEach(() => rm(home, { recursive: true, force: true }));

test('a link in the place of a bot’s file leads no mode to what it points at', async () => {
  const other = join(home, 'of-somebody-else');
  await writeFile(other, '');
  await chmod(other, 0o644);
  await symlink(other, place.dirs.configFile);
  await applyModes(place, {});
  expect(((await stat(other)).mode & 0o777).toString(8)).toBe('644');
  expect(await securityDifferences(place, {})).toEqual([]);
});

test('a file that its owner cannot read gets its mode all the same', async () => {
  await writeFile(place.dirs.configFile, '{}');
  await chmod(place.dirs.configFile, 0o000);
  expect(await securityDifferences(place, {})).toContainEqual(
    expect.objectContaining({ path: 'spec.security.configFileMode', desired: '600', observed: '0' }),
  );
  await applyModes(place, {});
  expect(await securityDifferences(place, {})).toEqual([]);
});
