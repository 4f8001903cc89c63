import { services } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { divided } from './thread.ts';

test('every service runs once, and whoever answers callers has a thread without the others', () => {
  const { here, apart } = divided(services, 2);
  expect([...here, ...apart].toSorted()).toEqual([...services].toSorted());
  expect(here).toEqual(expect.arrayContaining(['gateway', 'config', 'policy']));
  expect(apart).toEqual(expect.arrayContaining(['reconciler', 'audit', 'trace']));
});

test.each([
  ['there is one processor', services, 1],
  ['no caller is served here', ['rollout', 'reconciler'] as const, 8],
  ['there is nothing but callers to serve', ['gateway', 'config'] as const, 8],
])('nothing is divided where %s', (_, names, processors) => {
  expect(divided(names, processors)).toEqual({ here: names, apart: [] });
});
