// A workspace's own prices: always the whole table, so that nobody's half is mixed with another's.
import { type ChangePrices, type CommandOf, type FactOf, PricesChanged } from '@molthub/contracts';
import { type Decider, Rejected } from '@molthub/decider';

export type PriceTable = { readonly version: number; readonly said: string };

const sayingOf = (data: FactOf<typeof PricesChanged>['data']): string =>
  JSON.stringify([
    data.effectiveFrom,
    data.models.map((one) => [one.model, one.inputUsd, one.cachedInputUsd, one.cacheWriteUsd, one.outputUsd]),
  ]);

export const priceTable: Decider<PriceTable, CommandOf<typeof ChangePrices>, FactOf<typeof PricesChanged>> = {
  initial: { version: 0, said: '' },
  decide: ({ data: { models, effectiveFrom, expectedVersion }, time }, { version, said }) => {
    if (expectedVersion !== undefined && expectedVersion !== version) {
      throw new Rejected(
        'trace.version-mismatch',
        `Prices are at version ${version}, not ${expectedVersion}; read them again and send the change with If-Match "${version}".`,
      );
    }
    const data = {
      version: version + 1,
      effectiveFrom: effectiveFrom ?? time,
      models: models.map(({ cachedInputUsd, cacheWriteUsd, ...model }) => ({
        ...model,
        cachedInputUsd: cachedInputUsd ?? model.inputUsd,
        cacheWriteUsd: cacheWriteUsd ?? model.inputUsd,
      })),
    };
    return sayingOf(data) === said ? [] : [{ type: PricesChanged.type, data }];
  },
  evolve: (_, { data }) => ({ version: data.version, said: sayingOf(data) }),
};
