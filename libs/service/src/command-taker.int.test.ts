// What becomes of a command that fails, and of one that a stop cuts short.
import { randomUUID } from 'node:crypto';
import { CreateFleet } from '@molthub/contracts';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceDefinition } from './definition.ts';
import { sampleConfig } from './sample-services.ts';
import { openTestCaller, startTestService, type TestCaller } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();
let urls: { databaseUrl: string; natsUrl: string };
let caller: TestCaller;
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  caller = await openTestCaller(nats.url);
});
afterAll(() => caller.close());

const preparing = (prepare: () => Promise<never>): ServiceDefinition => ({
  ...sampleConfig,
  aggregates: sampleConfig.aggregates.map((aggregate) => ({ ...aggregate, prepare })),
});
const fleet = () => {
  const fleetId = randomUUID();
  return { fleetId, name: `f-${fleetId}`, environment: 'dev' as const, description: '', tags: {} };
};
/** As a child process or a fetch says that its time was over, while nobody stops the service. */
const timeIsOver = () => Object.assign(new Error('The operation was aborted'), { name: 'AbortError' });

test('work that was aborted while nobody stops the service is a fault like any other', async () => {
  const service = await startTestService(
    preparing(async () => {
      throw timeIsOver();
    }),
    urls,
  );
  expect(await caller.send(CreateFleet, fleet())).toMatchObject({ status: 'FAILED' });
  await service.stop();
});

test('what a stop cuts short is no fault, and is done by whoever comes next', async () => {
  const cut = Promise.withResolvers<never>();
  let isBegun = false;
  const service = await startTestService(
    preparing(() => {
      isBegun = true;
      return cut.promise;
    }),
    urls,
  );
  const data = fleet();
  const outcome = caller.send(CreateFleet, data);
  await until(() => isBegun, { what: 'the work' });
  const stopped = service.stop();
  cut.reject(timeIsOver());
  await stopped;
  const next = await startTestService(sampleConfig, urls);
  expect(await outcome).toMatchObject({ status: 'DONE' });
  await next.stop();
});

test('a service that is stopped as soon as it has started stops', async () => {
  const service = await startTestService(sampleConfig, urls);
  await service.stop();
}, 10_000);
