import { randomUUID } from 'node:crypto';
import { ChangePrices, type CommandOf } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { expect, test } from 'vitest';
import { priceTable } from './decider.ts';

const { given } = specification(priceTable);
const time = '2026-11-21T10:00:00.000Z';
const change = (data: CommandOf<typeof ChangePrices>['data']): CommandOf<typeof ChangePrices> => ({
  id: randomUUID(),
  time,
  workspace: 'default',
  actor: { kind: 'service', id: 'test', name: 'test' },
  correlationId: '',
  causationId: null,
  records: true,
  type: ChangePrices.type,
  data,
});
const asked = { model: 'my-model', inputUsd: 3, outputUsd: 15 };
const model = { ...asked, cachedInputUsd: 3, cacheWriteUsd: 3 };
const changed = (version: number, effectiveFrom = time, models = [model]) => ({
  type: 'trace.prices.changed.v1' as const,
  data: { version, effectiveFrom, models },
});

test('prices hold from now on, and what a cache gives costs as input does, where nothing else is said', () =>
  given()
    .when(change({ models: [asked] }))
    .then(changed(1)));
test('each change is another version', () => {
  const later = '2026-12-01T00:00:00.000Z';
  given(changed(1))
    .when(change({ models: [], effectiveFrom: later, expectedVersion: 1 }))
    .then(changed(2, later, []));
});
test('the same table again changes nothing', () =>
  given(changed(1))
    .when(change({ models: [asked], effectiveFrom: time }))
    .thenNothing());
test('a change that was made for another version is refused', () =>
  given(changed(1))
    .when(change({ models: [], expectedVersion: 0 }))
    .rejects('trace.version-mismatch'));

test('a model that is named twice, a price of too many decimals, and a star in the middle are refused by name', () => {
  const issuesOf = (models: readonly object[]) =>
    ChangePrices.data.safeParse({ models }).error?.issues.map(({ path }) => path.join('.'));
  expect(issuesOf([asked, { ...asked, model: 'MY-model' }])).toEqual(['models.1.model']);
  expect(issuesOf([{ ...asked, inputUsd: 0.000_000_1 }])).toEqual(['models.0.inputUsd']);
  expect(issuesOf([{ ...asked, model: 'a*b' }])).toEqual(['models.0.model']);
  expect(issuesOf([{ ...asked, inputUsd: 0.000_001, outputUsd: 0.3 }])).toBeUndefined();
  expect(issuesOf(Array.from({ length: 501 }, (_, i) => ({ ...asked, model: `m${i}` })))).toEqual(['models']);
});
