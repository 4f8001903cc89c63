// What a call of a model costs: tokens by the price that its model has, in whole 10^-12 dollars.
import type { PricedModel } from '@molthub/contracts';
import type { Tokens } from './usage.ts';

/** In micro-dollars for a million tokens, which is 10^-12 dollars for one. */
export type ModelPrice = {
  /** The name of a model, or the beginning of names, ending in `*`. */
  readonly model: string;
  readonly input: number;
  readonly cachedInput: number;
  readonly cacheWrite: number;
  readonly output: number;
};

const microPerUsd = 1_000_000;
const micro = (usd: number) => Math.round(usd * microPerUsd);

export const fromPricedModel = ({ model, ...usd }: PricedModel): ModelPrice => ({
  model,
  input: micro(usd.inputUsd),
  cachedInput: micro(usd.cachedInputUsd),
  cacheWrite: micro(usd.cacheWriteUsd),
  output: micro(usd.outputUsd),
});
export const toPricedModel = ({ model, ...price }: ModelPrice): PricedModel => ({
  model,
  inputUsd: price.input / microPerUsd,
  cachedInputUsd: price.cachedInput / microPerUsd,
  cacheWriteUsd: price.cacheWrite / microPerUsd,
  outputUsd: price.output / microPerUsd,
});

/** The price of a model; null where it has none. */
export type PriceOf = (model: string) => ModelPrice | null;

/**
 * Looks for a name as it is, then without its provider and its date; then for the longest beginning. Of several lists
 * that which is named first counts, however little of the name it has.
 */
export const priceList = (...lists: readonly (readonly ModelPrice[])[]): PriceOf => {
  const found = new Map<string, ModelPrice | null>();
  const sorted = lists.map((prices) => ({
    exact: new Map(prices.map((price) => [price.model.toLowerCase(), price])),
    beginnings: prices
      .filter(({ model }) => model.endsWith('*'))
      .map((price) => ({ price, start: price.model.slice(0, -1).toLowerCase() }))
      .toSorted((a, b) => b.start.length - a.start.length),
  }));
  const look = (model: string): ModelPrice | null => {
    const names = namesOf(model);
    for (const { exact, beginnings } of sorted) {
      for (const name of names) {
        const price = exact.get(name);
        if (price) return price;
      }
      const beginning = beginnings.find(({ start }) => names.some((name) => name.startsWith(start)));
      if (beginning) return beginning.price;
    }
    return null;
  };
  return (model) => {
    const known = found.get(model);
    if (known !== undefined) return known;
    const price = look(model);
    // Names are what bots say, so that there may be any number of them.
    if (found.size >= namesMax) found.clear();
    found.set(model, price);
    return price;
  };
};

const namesMax = 1_000;

/** A name and what is left of it without its provider (`anthropic/`, `us.anthropic.`), its date, and its revision. */
const namesOf = (model: string): readonly string[] => {
  const whole = model.toLowerCase();
  const bare = whole.slice(whole.lastIndexOf('/') + 1).replace(/^(?:[a-z]{2,6}\.)?(?:anthropic|openai|google)\./, '');
  const undated = bare
    .replace(/-v\d+(?::\d+)?$/, '')
    .replace(/[-@](?:\d{8}|\d{4}-\d\d-\d\d|latest)$/, '')
    .replace(/^(claude-.*\d)\.(\d)/, '$1-$2');
  return [...new Set([whole, bare, undated])];
};

/** Whole 10^-12 dollars. What came from a cache is not paid for as input again. */
export const costOf = ({ input, cached, cacheWrite, output }: Tokens, price: ModelPrice): bigint => {
  const uncached = Math.max(0, input - cached - cacheWrite);
  return (
    BigInt(uncached) * BigInt(price.input) +
    BigInt(cached) * BigInt(price.cachedInput) +
    BigInt(cacheWrite) * BigInt(price.cacheWrite) +
    BigInt(output) * BigInt(price.output)
  );
};

const picoDigits = 12;
/** Dollars as a decimal that loses nothing. */
export const usdOf = (pico: bigint): string => {
  const digits = String(pico).padStart(picoDigits + 1, '0');
  const fraction = digits.slice(-picoDigits).replace(/0+$/, '');
  return digits.slice(0, -picoDigits) + (fraction === '' ? '' : `.${fraction}`);
};
