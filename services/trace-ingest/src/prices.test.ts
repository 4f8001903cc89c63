import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { builtinPrices, builtinPricesVersion } from './builtin-prices.ts';
import { costOf, fromPricedModel, type ModelPrice, priceList, toPricedModel, usdOf } from './prices.ts';

const price = (model: string, input = 1): ModelPrice => ({ model, input, cachedInput: 0, cacheWrite: 0, output: 0 });
const tokens = { input: 0, cached: 0, cacheWrite: 0, output: 0, reasoning: 0 };

describe('the price of a model', () => {
  const builtin = priceList(builtinPrices);
  test.each([
    ['claude-sonnet-4-5', 'claude-sonnet-4-5'],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['anthropic/claude-sonnet-4.5', 'claude-sonnet-4-5'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
    ['claude-opus-4@20250514', 'claude-opus-4'],
    ['openai/gpt-4o-mini-2024-07-18', 'gpt-4o-mini'],
    ['GPT-5', 'gpt-5'],
    ['gpt-5-latest', 'gpt-5'],
  ])('of %s is that of %s', (named, model) => expect(builtin(named)?.model).toBe(model));
  test.each(['fake-1', 'gpt-5-turbo', '__proto__', '', 'claude'])('of %s is not known', (model) =>
    expect(builtin(model)).toBeNull(),
  );
  test('is that of the exact name, else of the longest beginning', () => {
    const of = priceList([price('m*'), price('my-large*'), price('my-large-1')]);
    expect(of('my-large-1')?.model).toBe('my-large-1');
    expect(of('house/my-large-2')?.model).toBe('my-large*');
    expect(of('my-small')?.model).toBe('m*');
    expect(of('other')).toBeNull();
  });
  test("is the workspace's own before the built-in one", () => {
    const of = priceList([price('gpt-*', 7)], builtinPrices);
    expect(of('gpt-5')?.input).toBe(7);
    expect(of('claude-opus-5')?.input).toBe(5_000_000);
  });
});

describe('the cost of a call', () => {
  const opus = { model: 'm', input: 5_000_000, cachedInput: 500_000, cacheWrite: 6_250_000, output: 25_000_000 };
  test('takes what a cache gave at its own price, once', () => {
    const cost = costOf({ ...tokens, input: 1_000, cached: 600, cacheWrite: 100, output: 10, reasoning: 4 }, opus);
    expect(cost).toBe(300n * 5_000_000n + 600n * 500_000n + 100n * 6_250_000n + 10n * 25_000_000n);
  });
  test('is never less than nothing, and exact for more tokens than a double counts', () => {
    expect(costOf({ ...tokens, input: 1, cached: 5 }, opus)).toBe(2_500_000n);
    expect(costOf({ ...tokens, input: 1_000_000_000, output: 999_999_999 }, opus)).toBe(29_999_999_975_000_000n);
  });
});

test.each([
  [0n, '0'],
  [1n, '0.000000000001'],
  [2_500_000_000_000n, '2.5'],
  [10n ** 24n, '1000000000000'],
])('%s × 10^-12 dollars are %s', (pico, usd) => expect(usdOf(pico)).toBe(usd));

test('another built-in table has another version', () => {
  const table = createHash('sha256').update(JSON.stringify(builtinPrices)).digest('hex').slice(0, 12);
  expect([builtinPricesVersion, table]).toEqual(['2026-11.1', 'd3000df73218']);
});

test('built-in prices are told as they are said, to the millionth of a dollar', () => {
  expect(builtinPrices.map(toPricedModel).map(fromPricedModel)).toEqual(builtinPrices);
  expect(toPricedModel(priceList(builtinPrices)('gpt-4o-mini') ?? price(''))).toEqual({
    model: 'gpt-4o-mini',
    inputUsd: 0.15,
    cachedInputUsd: 0.075,
    cacheWriteUsd: 0.15,
    outputUsd: 0.6,
  });
});
