// In which order bots are judged anew, on real servers, beside a config that says what it is told to.
import { randomUUID } from 'node:crypto';
import { CreatePack, ManifestPublished } from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import { policyService } from '@molthub/policy-service';
import type { RunningService } from '@molthub/service';
import { silentService, startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

const postgres = withPostgres();
const nats = withNats();
let urls: { readonly databaseUrl: string; readonly natsUrl: string };
let config: RunningService;
let policy: RunningService;
beforeAll(async () => {
  urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  [config, policy] = await Promise.all([
    startTestService(silentService('config'), urls),
    startTestService({ ...policyService, jobs: [] }, urls),
  ]);
});
afterAll(async () => {
  await Promise.all([config, policy].map((service) => service.stop()));
});

const hash = `sha256:${'1'.repeat(64)}`;
const release = { mode: 'auto', strategy: { kind: 'ALL' } } as const;
const manifest = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'bot' },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
} as const;
const published = (workspace: string) => {
  const botId = randomUUID();
  const data = ManifestPublished.data.parse({
    proposalId: randomUUID(),
    botId,
    botName: 'bot',
    fleetId: randomUUID(),
    fleetName: 'support',
    fleetStatus: 'ACTIVE',
    environment: 'dev',
    origin: 'create',
    version: 1,
    generation: 1,
    hash,
    previous: null,
    manifest,
    resolved: manifest,
    release,
    changeSetId: null,
    forChangeSetId: null,
    reason: '',
    author: { kind: 'user', id: 'anna', name: 'Anna' },
  });
  const events = [{ ...newEvent(ManifestPublished.type, data), workspace }];
  return { stream: `bot-${botId}`, expected: 'any' as const, events };
};
const rules = [{ id: 'team', type: 'required_field', severity: 'WARNING', config: { field: 'metadata.labels.team' } }];
const createPack = (workspace: string) =>
  policy.runtime.execute(CreatePack, CreatePack.data.parse({ packId: randomUUID(), name: 'team', rules }), {
    workspace,
  });
const waiting = async () => (await policy.log.reads('select 1 from to_sweep')).length;

test('one bot of a workspace does not wait for all those of another', async () => {
  await Promise.all([createPack('large'), createPack('small')]);
  await config.log.commit({ streams: Array.from({ length: 300 }, () => published('large')) });
  await until(async () => (await waiting()) === 300, { what: 'many bots to be written down' });
  await config.log.commit({ streams: [published('small')] });
  await until(async () => (await waiting()) === 301, { what: 'one more' });
  await policy.stop();
  policy = await startTestService(policyService, urls);
  await until(async () => (await waiting()) === 0, { what: 'all of them to be judged', timeoutMs: 20_000 });
  const found = await policy.log.reads(
    "select workspace from events where type = 'policy.violation.opened.v1' order by position",
  );
  expect(found).toHaveLength(301);
  // Among the first page.
  expect(found.findIndex(({ workspace }) => workspace === 'small')).toBeLessThan(100);
});
