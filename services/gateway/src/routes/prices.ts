// What models cost in a workspace: its own prices, and the ones that hold where it says none.
import { ChangePrices, PricedModel, ReadBuiltinPrices } from '@molthub/contracts';
import { etagOf } from '@molthub/http';
import { derivedId } from '@molthub/identity';
import { z } from 'zod';
import { plainRow } from '../read-side.ts';
import { type Call, change, route, type Route } from '../route.ts';
import { expected, time } from './shapes.ts';

const Prices = z.object({
  version: z.int(),
  effectiveFrom: time.nullable(),
  models: z.array(PricedModel),
  changedAt: time.nullable(),
});

const answer = async (call: Call) => {
  const rows = await call.world.views(
    `select version, effective_from as "effectiveFrom", models, changed_at as "changedAt"
     from trace_read.prices where workspace = $1 order by version desc limit 1`,
    [call.workspace],
  );
  const body = Prices.parse(plainRow(rows[0] ?? { version: 0, effectiveFrom: null, models: [], changedAt: null }));
  return { status: 200, body, headers: { etag: etagOf(body.version) } };
};

export const priceRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/prices',
    permission: 'price:read',
    reach: 'workspace',
    summary: "Answers a workspace's own prices of models. Where it names none, those of GET /prices/built-in hold.",
    answer: Prices,
    run: answer,
  }),
  route({
    method: 'GET',
    path: '/prices/built-in',
    permission: 'price:read',
    reach: 'workspace',
    summary: 'Answers the prices that hold where a workspace names none of its own, with the version of their table.',
    answer: z.object({ version: z.string(), models: z.array(PricedModel) }),
    run: async (call) => ({ status: 200, body: await call.dispatch.ask(call, ReadBuiltinPrices, {}) }),
  }),
  change({
    method: 'PUT',
    path: '/prices',
    permission: 'price:update',
    reach: 'workspace',
    summary: "Replaces a workspace's own prices, for calls that end from `effectiveFrom` on.",
    body: ChangePrices.data.omit({ expectedVersion: true }),
    answer: Prices,
    command: ChangePrices,
    data: (call, { body }) => ({ ...body, ...expected(call.expectedVersion) }),
    resourceId: (call) => derivedId(call.workspace, 'prices'),
    done: answer,
  }),
];
