// What models cost: a workspace's own prices, which hold before the built-in ones.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const pricedModelsMax = 500;

/** Dollars for a million tokens, in whole millionths of a dollar. */
const Usd = z
  .number()
  .min(0)
  .max(1_000_000)
  .refine((usd) => Math.abs(usd * 1e6 - Math.round(usd * 1e6)) < 1e-3, {
    message: 'must be a number of dollars with at most 6 decimals',
  });

const ModelName = z
  .string()
  .regex(/^[^\s*]{1,200}\*?$/, 'must be the name of a model, or the beginning of names and then *, without spaces');

export const PricedModel = z.strictObject({
  model: ModelName,
  inputUsd: Usd,
  cachedInputUsd: Usd,
  cacheWriteUsd: Usd,
  outputUsd: Usd,
});
export type PricedModel = z.infer<typeof PricedModel>;

const inOneCase = (list: readonly { readonly model: string }[]) => list.map(({ model }) => model.toLowerCase());

export const ChangePrices = defineCommand(
  'trace.prices.change.v1',
  "Replaces a workspace's own prices. What a cache gives or takes costs as input does where nothing else is said.",
  z.strictObject({
    models: z
      .array(PricedModel.extend({ cachedInputUsd: Usd.optional(), cacheWriteUsd: Usd.optional() }))
      .max(pricedModelsMax)
      .superRefine((models, context) => {
        const names = inOneCase(models);
        for (const [index, name] of names.entries()) {
          if (names.indexOf(name) === index) continue;
          const message = `"${name}" is named twice; leave one of the two`;
          context.addIssue({ code: 'custom', path: [index, 'model'], message });
        }
      }),
    /** For calls that end from then on; now where it is absent. What is stored already keeps its cost. */
    effectiveFrom: z.iso.datetime().optional(),
    expectedVersion: z.int().min(0).optional(),
  }),
);
export const PricesChanged = defineEvent(
  'trace.prices.changed.v1',
  "A workspace's own prices, all of them, from a time on.",
  z.object({ version: z.int().min(1), models: z.array(PricedModel), effectiveFrom: z.iso.datetime() }),
);

/** Reads the prices that hold where a workspace names none; `records: false`. */
export const ReadBuiltinPrices = defineCommand(
  'trace.prices.read-builtin.v1',
  'Answers the built-in prices of models, with the version of their table.',
  z.strictObject({}),
);

export const PricesView = defineReadModel(
  'trace',
  'prices',
  "Each version of a workspace's own prices. The newest one in force at a call's end is the one that counts.",
  z.object({
    workspace: WorkspaceSlug,
    version: z.int(),
    effective_from: z.iso.datetime(),
    models: z.array(PricedModel),
    changed_at: z.iso.datetime(),
  }),
);
