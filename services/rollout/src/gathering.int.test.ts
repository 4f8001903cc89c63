// What a changed layer moves, on real servers, after a config whose events the tests say in any order.
import { randomUUID } from 'node:crypto';
import {
  type EventDefinition,
  type FactOf,
  FleetCreated,
  ManifestPublished,
  ManifestRefused,
  ResolutionChanged,
} from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import type { RunningService } from '@molthub/service';
import { silentService, startTestService } from '@molthub/service/testing';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rollout } from './service.ts';
import { policyDenying } from './testing.ts';

const postgres = withPostgres();
const nats = withNats();
let config: RunningService;
let policy: RunningService;
let service: RunningService;
beforeAll(async () => {
  const urls = { databaseUrl: (await postgres.createDatabase()).url, natsUrl: nats.url };
  [config, policy, service] = await Promise.all([
    startTestService(silentService('config'), urls),
    startTestService(policyDenying(new Set()), urls),
    startTestService(rollout({ sweepMs: 500 }), urls),
  ]);
});
afterAll(async () => {
  await Promise.all([config, policy, service].map((running) => running.stop()));
});

const say = async <D extends EventDefinition>(stream: string, definition: D, data: FactOf<D>['data']) => {
  await config.log.commit({ streams: [{ stream, expected: 'any', events: [newEvent(definition.type, data)] }] });
};
const author = { kind: 'user', id: 'anna', name: 'Anna' } as const;
const hashOf = (n: number) => `sha256:${String(n).repeat(64)}`;
const resolved = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'bot' },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: {} },
} as const;

const changed = async (mode: 'auto' | 'manual') => {
  const [fleetId, changeSetId] = [randomUUID(), randomUUID()];
  const release = { mode, strategy: { kind: 'ALL' } } as const;
  const fleet = { fleetId, fleetName: 'support', environment: 'dev', release } as const;
  const { fleetName: name, ...created } = fleet;
  await say(`fleet-${fleetId}`, FleetCreated, { ...created, name, description: '', tags: {} });
  const change = {
    ...fleet,
    changeSetId,
    layer: { kind: 'profile', id: randomUUID(), name: 'quiet', version: 3 },
    change: 'updated',
    layersVersion: 4,
    author,
    reason: 'profile quiet updated',
  } as const;
  return {
    changeSetId,
    tell: (chunk: number, chunks: number, bots: readonly { id: string; name: string }[]) =>
      say(`resolution-${changeSetId}`, ResolutionChanged, {
        ...change,
        chunk,
        chunks,
        bots: bots.map((bot) => ({ botId: bot.id, botName: bot.name, before: hashOf(1), after: hashOf(2) })),
      }),
    publish: (bot: { id: string; name: string }) =>
      say(`bot-${bot.id}`, ManifestPublished, {
        ...fleet,
        proposalId: randomUUID(),
        botId: bot.id,
        botName: bot.name,
        fleetStatus: 'ACTIVE',
        origin: 'layers',
        version: 2,
        generation: 2,
        hash: hashOf(2),
        previous: { version: 1, generation: 1, hash: hashOf(1) },
        manifest: resolved,
        resolved,
        changeSetId,
        forChangeSetId: null,
        layersChangeSetId: changeSetId,
        reason: '',
        author,
      }),
    refuse: (bot: { id: string }) =>
      say(`bot-${bot.id}`, ManifestRefused, {
        proposalId: randomUUID(),
        botId: bot.id,
        forChangeSetId: null,
        layersChangeSetId: changeSetId,
        code: 'policy.denied',
        message: 'No debug logs.',
        errors: [],
      }),
  };
};
const named = (name: string) => ({ id: randomUUID(), name });
const row = async (changeSetId: string) =>
  (await service.log.reads('select * from rollout_read.change_sets where id = $1', [changeSetId]))[0];
const isThere = (changeSetId: string) => until(() => row(changeSetId), { what: `change set ${changeSetId}` });
const isReleased = (changeSetId: string, bot: { id: string }) =>
  until(async () => (await service.log.readStream(`release-${changeSetId}-${bot.id}`)).length === 1, {
    what: `bot ${bot.id} to be released`,
  });

test('bots are planned together when every one of them is published or refused, whatever was heard first', async () => {
  const { changeSetId, tell, publish, refuse } = await changed('auto');
  const [anna, bert, carl] = [named('anna'), named('bert'), named('carl')];
  await publish(anna);
  await tell(0, 2, [anna, bert]);
  await refuse(bert);
  await publish(carl);
  // A later event of the same source has been read by then, and still nothing is planned: a part is missing.
  const witness = await changed('manual');
  const dora = named('dora');
  await witness.publish(dora);
  await witness.tell(0, 1, [dora]);
  expect(await isThere(witness.changeSetId)).toMatchObject({ status: 'PLANNED', total: 1 });
  expect(await row(changeSetId)).toBeUndefined();
  await tell(1, 2, [carl]);
  expect(await isThere(changeSetId)).toMatchObject({
    name: 'profile quiet version 3',
    total: 2,
    refused: 1,
    refused_bots: [{ botId: bert.id, botName: 'bert', code: 'policy.denied', message: 'No debug logs.' }],
    author,
  });
  await Promise.all([isReleased(changeSetId, anna), isReleased(changeSetId, carl)]);
});

test('where all are refused the change set is over, and says why', async () => {
  const { changeSetId, tell, refuse } = await changed('auto');
  const anna = named('anna');
  await refuse(anna);
  await tell(0, 1, [anna]);
  expect(await isThere(changeSetId)).toMatchObject({
    status: 'FAILED',
    total: 0,
    refused: 1,
    message: '1 bot was refused: No debug logs.',
  });
});

const heardAt = async (changeSetId: string, answers: number) =>
  until(
    async () => {
      const rows = await service.log.reads(
        'select from gathered_bots where change_set_id = $1 and (version is not null or code is not null)',
        [changeSetId],
      );
      return rows.length === answers;
    },
    { what: `${answers} answers to be heard` },
  );
const letPass = (changeSetId: string, time: string) =>
  service.log.reads('update gathered set heard_at = heard_at - $2::interval where change_set_id = $1', [
    changeSetId,
    time,
  ]);
/** Everything that was said before has been heard, and looked at, once this is planned. */
const untilHeard = async () => {
  const witness = await changed('manual');
  const dora = named('dora');
  await witness.publish(dora);
  await witness.tell(0, 1, [dora]);
  await isThere(witness.changeSetId);
};

test('what is not answered within ten minutes of the last that was heard is planned without, and named', async () => {
  const { changeSetId, tell, publish } = await changed('auto');
  const [anna, bert, carl] = [named('anna'), named('bert'), named('carl')];
  // The part that names carl never comes.
  await tell(0, 2, [anna, bert]);
  await publish(anna);
  await publish(carl);
  await heardAt(changeSetId, 2);
  await letPass(changeSetId, '9 minutes');
  await untilHeard();
  expect(await row(changeSetId)).toBeUndefined();
  await letPass(changeSetId, '1 minute');
  expect(await isThere(changeSetId)).toMatchObject({
    total: 2,
    refused: 1,
    refused_bots: [{ botId: bert.id, botName: 'bert', code: 'rollout.no-answer' }],
  });
  await Promise.all([isReleased(changeSetId, anna), isReleased(changeSetId, carl)]);
});

test('what was gathered is let go once it is planned, and late answers and parts bring nothing back', async () => {
  const { changeSetId, tell, publish } = await changed('manual');
  const [anna, bert] = [named('anna'), named('bert')];
  await publish(anna);
  await tell(0, 1, [anna]);
  await isThere(changeSetId);
  const left = () => service.log.reads('select from gathered_bots where change_set_id = $1', [changeSetId]);
  await untilHeard();
  expect(await left()).toEqual([]);
  await tell(1, 2, [bert]);
  await publish(bert);
  await untilHeard();
  expect(await left()).toEqual([]);
  expect(await row(changeSetId)).toMatchObject({ status: 'PLANNED', total: 1 });
});
