import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { desiredFrom } from './manifest-files.ts';

const folder = fileURLToPath(new URL('../../../examples', import.meta.url));

test.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('examples/%s can be applied', async (name) => {
  const desired = await desiredFrom([`${folder}/${name}`]);
  expect(['Fleet', 'PolicyPack']).toContain(desired[0]?.kind.kind);
  expect(new Set(desired.map(({ title }) => title)).size).toBe(desired.length);
  expect(desired.length).toBeGreaterThan(1);
});
