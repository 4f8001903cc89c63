// The prices of all workspaces, kept in memory, as spans are stored by them.
import { PricedModel } from '@molthub/contracts';
import type { Reads } from '@molthub/event-store';
import { z } from 'zod';
import { builtinPrices } from '../builtin-prices.ts';
import { costOf, fromPricedModel, type PriceOf, priceList } from '../prices.ts';
import type { SpanRecord } from '../span-record.ts';

export type Prices = {
  /** With what the calls of models among a workspace's spans cost, by the price in force when each ended. */
  readonly priced: (workspace: string) => (record: SpanRecord) => SpanRecord;
  /** Reads anew what changed; also done every `refreshEveryMs`. */
  readonly refresh: () => Promise<void>;
  readonly close: () => void;
};

const Stored = z.object({
  workspace: z.string(),
  version: z.int(),
  effective_from: z.date(),
  models: z.array(PricedModel),
});
type InForce = { readonly fromNs: bigint; readonly priceOf: PriceOf };

/** Of each workspace; older ones are for spans that nobody waits for any more. */
const versionsMax = 20;

/** While the database is away, what was known last stays good. A change takes effect within `refreshEveryMs`. */
export const openPrices = async (
  reads: Reads,
  { refreshEveryMs = 1_000, onFault }: { readonly refreshEveryMs?: number; readonly onFault: (error: unknown) => void },
): Promise<Prices> => {
  const builtin = priceList(builtinPrices);
  let tables: ReadonlyMap<string, readonly InForce[]> = new Map();
  let seen = '';

  const refresh = async () => {
    const [row] = await reads<{ seen: string }>(
      "select count(*) || ' ' || coalesce(max(changed_at)::text, '') as seen from prices",
    );
    if (!row || row.seen === seen) return;
    const rows = await reads(
      `select workspace, version, effective_from, models from (select *, row_number() over (
         partition by workspace order by version desc) as age from prices) p where age <= ${versionsMax}
       order by workspace, version desc`,
    );
    const inForce = z.array(Stored).parse(rows);
    tables = new Map(
      [...Map.groupBy(inForce, (one) => one.workspace)].map(([workspace, versions]) => [
        workspace,
        versions.map(({ effective_from, models }) => ({
          fromNs: BigInt(effective_from.getTime()) * 1_000_000n,
          priceOf: priceList(models.map(fromPricedModel), builtinPrices),
        })),
      ]),
    );
    ({ seen } = row);
  };
  await refresh();
  const timer = setInterval(() => void refresh().catch(onFault), refreshEveryMs).unref();

  return {
    priced: (workspace) => {
      const versions = tables.get(workspace) ?? [];
      return (record) => {
        if (record.type !== 'MODEL' || record.model === null) return record;
        const endNs = record.startedNs + record.durationNs;
        const find = versions.find(({ fromNs }) => fromNs <= endNs)?.priceOf ?? builtin;
        const price = find(record.model);
        return price ? { ...record, costPico: costOf(record.tokens, price) } : record;
      };
    },
    refresh,
    close: () => clearInterval(timer),
  };
};
