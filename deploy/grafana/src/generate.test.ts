import { staleFiles } from '@molthub/contracts/generated';
import { expect, test } from 'vitest';
import { dashboards } from './dashboards/all.ts';
import { folder } from './folder.ts';
import { generate, owns } from './generate.ts';

test('dashboards are what their source says', async () => {
  const stale = await staleFiles(folder, generate(), owns);
  expect(stale, 'run `node deploy/grafana/src/generate.ts --write`').toEqual([]);
});

test('no two dashboards have one address', () => {
  const uids = Object.values(dashboards).map(({ uid }) => uid);
  expect(new Set(uids).size).toBe(uids.length);
});
