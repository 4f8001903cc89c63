// Prices that hold where a workspace names none of its own: list prices of Anthropic and OpenAI as gathered in November 2026
// from public pages, some second-hand. Whoever relies on them checks them, and sets their own. Models whose price depends
// on the length of a prompt are left out: a wrong cost is worse than none. Writing to a cache costs what it does for five
// minutes.
import type { ModelPrice } from './prices.ts';

const microPerUsd = 1_000_000;
const micro = (usd: number) => Math.round(usd * microPerUsd);
/** In dollars for a million tokens. */
const priced = (model: string, input: number, cachedInput: number, cacheWrite: number, output: number): ModelPrice => ({
  model,
  input: micro(input),
  cachedInput: micro(cachedInput),
  cacheWrite: micro(cacheWrite),
  output: micro(output),
});
/** OpenAI takes nothing for writing to its cache but the price of the input. */
const openai = (model: string, input: number, cachedInput: number, output: number): ModelPrice =>
  priced(model, input, cachedInput, input, output);

/** Another table has another version: when it was gathered, and which one of that month it is. */
export const builtinPricesVersion = '2026-11.1';

export const builtinPrices: readonly ModelPrice[] = [
  priced('claude-fable-5-1', 10, 0.25, 12.5, 50),
  priced('claude-fable-5', 10, 1, 12.5, 50),
  priced('claude-opus-5-5', 4, 0.2, 5, 20),
  priced('claude-opus-5', 5, 0.5, 6.25, 25),
  priced('claude-opus-4-8', 5, 0.5, 6.25, 25),
  priced('claude-opus-4-7', 5, 0.5, 6.25, 25),
  priced('claude-opus-4-6', 5, 0.5, 6.25, 25),
  priced('claude-opus-4-5', 5, 0.5, 6.25, 25),
  priced('claude-opus-4-1', 15, 1.5, 18.75, 75),
  priced('claude-opus-4', 15, 1.5, 18.75, 75),
  priced('claude-sonnet-5-5', 2, 0.1, 2.5, 10),
  priced('claude-sonnet-5', 2, 0.2, 2.5, 10),
  priced('claude-sonnet-4-5', 3, 0.3, 3.75, 15),
  priced('claude-sonnet-4', 3, 0.3, 3.75, 15),
  priced('claude-haiku-4-5', 1, 0.1, 1.25, 5),
  openai('gpt-5.4-mini', 0.75, 0.075, 4.5),
  openai('gpt-5.4-nano', 0.2, 0.02, 1.25),
  openai('gpt-5.2', 1.75, 0.175, 14),
  openai('gpt-5', 1.25, 0.125, 10),
  openai('gpt-5-mini', 0.25, 0.025, 2),
  openai('gpt-4.1', 2, 0.5, 8),
  openai('gpt-4o', 2.5, 1.25, 10),
  openai('gpt-4o-mini', 0.15, 0.075, 0.6),
];
