// The whole service as it is installed: other services' events in, simulated bots that live, their spans out.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BotReleased,
  BotRetired,
  type EventDefinition,
  type FactOf,
  FleetStatusChanged,
  type FleetStatus,
  SimulatorKeyPublished,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import { createVerifier } from '@molthub/ingest-token';
import { canonicalHash } from '@molthub/manifest';
import type { RunningService } from '@molthub/service';
import { silentService, startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcilerService } from '../service.ts';
import { simulatedManifest } from '../target.conformance.ts';

const postgres = withPostgres();
const nats = withNats();
let home = '';
let config: RunningService;
let rollout: RunningService;
let service: RunningService;
let ingest: Server;
let otlpUrl = '';
const tokens: string[] = [];
const fleetId = randomUUID();

const urls = () => ({ databaseUrl: postgres.url, natsUrl: nats.url });
const start = async () => {
  service = await startTestService(reconcilerService({ home, otlpUrl, machineEnv: {}, pollMs: 200 }), urls());
};
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'molthub-simulator-'));
  ingest = createServer((request, response) => {
    tokens.push(String(request.headers.authorization).replace('Bearer ', ''));
    request.resume().on('end', () => response.end('{}'));
  });
  await new Promise<void>((resolve) => ingest.listen(0, '127.0.0.1', resolve));
  const address = ingest.address();
  otlpUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  [config, rollout] = await Promise.all([
    startTestService(silentService('config'), urls()),
    startTestService(silentService('rollout'), urls()),
  ]);
  await start();
});
afterAll(async () => {
  await Promise.all([service, config, rollout].map((running) => running.stop()));
  ingest.closeAllConnections();
  await new Promise((resolve) => ingest.close(resolve));
  await rm(home, { recursive: true, force: true });
});

const say = async <D extends EventDefinition>(by: RunningService, stream: string, event: D, data: FactOf<D>['data']) =>
  by.log.commit({ streams: [{ stream, expected: 'any', events: [newEvent(event.type, data)] }] });
const release = async (botId: string, simulation: Parameters<typeof simulatedManifest>[0] = {}) => {
  const resolved = simulatedManifest(simulation);
  await say(rollout, `release-${randomUUID()}`, BotReleased, {
    changeSetId: randomUUID(),
    wave: 0,
    direction: 'forward',
    botId,
    botName: 'sim',
    fleetId,
    fleetName: 'fleet',
    fleetStatus: 'ACTIVE',
    environment: 'dev',
    version: 1,
    generation: 1,
    hash: canonicalHash(resolved),
    resolved,
  });
};
const statusOf = async (botId: string) => {
  const rows = await service.runtime.reads<{ status: string }>('select status from bots where bot_id = $1', [botId]);
  return rows[0]?.status ?? 'none';
};
const reaches = (botId: string, status: string) =>
  until(async () => (await statusOf(botId)) === status, { what: `the bot to be ${status}` });
const turn = (from: FleetStatus, to: FleetStatus) =>
  say(config, `fleet-${fleetId}`, FleetStatusChanged, { fleetId, from, to, reason: '' });

test('a released bot runs and sends spans that its own token vouches for', async () => {
  const botId = randomUUID();
  await release(botId, { requestsPerMinute: 1_200 });
  await reaches(botId, 'RUNNING');
  await until(() => tokens.length > 0, { what: 'spans' });
  const [published] = await service.log.readStream('simulator-keys');
  const { keyId, publicKey } = SimulatorKeyPublished.data.parse(published?.data);
  const trusted = new Map([[keyId, { publicKey, simulatedOnly: true }]]);
  const verdict = await createVerifier(() => trusted).verify(tokens[0] ?? '');
  expect(verdict).toMatchObject({ status: 'valid', claims: { botId, fleetId, workspace: 'default', simulated: true } });
});

test('a draining fleet stops its bots, an active one starts them again', async () => {
  const botId = randomUUID();
  await release(botId);
  await reaches(botId, 'RUNNING');
  await turn('ACTIVE', 'DRAINING');
  await reaches(botId, 'STOPPED');
  await turn('DRAINING', 'ACTIVE');
  await reaches(botId, 'RUNNING');
});

test('a retired bot is destroyed', async () => {
  const botId = randomUUID();
  await release(botId);
  await reaches(botId, 'RUNNING');
  await say(config, `bot-${botId}`, BotRetired, { botId, fleetId, name: 'sim' });
  await reaches(botId, 'none');
});

test('after a restart the bots have the address and the key that they had', async () => {
  const botId = randomUUID();
  await release(botId);
  await reaches(botId, 'RUNNING');
  const address = async () =>
    (
      await service.runtime.reads<{ url: string }>("select endpoint->>'url' as url from bots where bot_id = $1", [
        botId,
      ])
    )[0]?.url;
  const before = await address();
  await service.stop();
  await start();
  await until(async () => (await fetch(`${before}/healthz`)).ok, { what: 'the bot to answer where it did' });
  expect(await address()).toBe(before);
  expect((await service.log.readStream('simulator-keys')).length).toBe(1);
});
