// What is not as it was released, from the command line and over the API, against every service.
import { TellOrphan } from '@molthub/contracts';
import { newId } from '@molthub/identity';
import { until, withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { type Molthub, molthubOf } from './cli-under-test.ts';

const servers = { postgres: withPostgres(), nats: withNats() };
let api: ApiUnderTest;
let molthub: Molthub;
/** It changes its own configuration every other second, which is told and left. */
const documents = `apiVersion: molthub/v1
kind: Fleet
metadata: { name: lab }
spec: { environment: dev, release: { mode: auto, strategy: { kind: ALL } } }
---
apiVersion: molthub/v1
kind: MoltbotInstance
metadata: { name: restless, fleet: lab }
spec:
  runtime: { engine: simulated }
  target: { kind: simulated }
  config: { simulation: { driftEveryS: 2 } }
  drift: { mode: detect }
`;
beforeAll(async () => {
  api = await openApi(servers);
  molthub = molthubOf(api.url, api.adminKey);
  const applied = await molthub(['apply', '-f', '-', '--no-wait'], documents);
  expect(applied, applied.stderr).toMatchObject({ status: 0 });
});
afterAll(() => api.close());

const Bots = z.array(z.object({ name: z.string(), manifestVersion: z.int() }));
const isDrifted = () =>
  until(async () => Bots.parse(JSON.parse((await molthub(['drift', 'list', '-o', 'json'])).stdout)).length === 1, {
    what: 'the bot to drift',
    timeoutMs: 30_000,
  });

test('a bot that drifts is listed, shown with what differs, and examined', async () => {
  await isDrifted();
  expect((await molthub(['drift', 'list', '--fleet', 'lab'])).stdout).toMatch(/restless +DEGRADED/);
  const shown = await molthub(['drift', 'show', 'lab/restless']);
  expect(shown.status).toBe(1);
  expect(shown.stdout).toMatch(/config +\S+ .* bot +\d+s/);
  expect(shown.stderr).toContain('restless differs from what was released for it');
  const doctor = await molthub(['doctor', 'restless']);
  expect(doctor.stdout, doctor.stderr).toMatch(/^(fail|warn) +drift: /m);
  expect(doctor.stdout).toMatch(/^ok +manifest-valid: /m);
});

test('what is not accepted can be reverted, and both say what they did', async () => {
  await isDrifted();
  const reverted = await molthub(['drift', 'revert', 'restless', '--reason', 'not ours']);
  expect(reverted, reverted.stderr).toMatchObject({
    status: 0,
    stdout: 'restless is being put back to version 1\n',
  });
  await isDrifted();
  const accepted = await molthub(['drift', 'accept', 'restless', '--reason', 'it knows better']);
  expect(accepted, accepted.stderr).toMatchObject({
    status: 0,
    stdout: 'restless: what it runs is version 2 of its manifest\n',
  });
});

test('an unknown bot is an error that names it, and an unknown verb one of usage', async () => {
  expect(await molthub(['drift', 'show', 'nobody'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("there is no bot 'nobody'"),
  });
  expect(await molthub(['drift', 'heal', 'restless'])).toMatchObject({ status: 2 });
});

test('what has the mark of a bot that there is no more is listed with where it is', async () => {
  const told = {
    botId: newId(),
    target: 'local' as const,
    node: 'machine-1',
    pid: 4_711,
    detail: 'a folder of its own',
  };
  const { runtime } = api.service('reconciler');
  await runtime.execute(TellOrphan, told, { workspace: 'default' });
  const { botId, ...where } = told;
  const listed = async (query: string) => {
    const { body } = await api.call('GET', `/api/v1/orphans${query}`);
    return z.array(z.unknown()).parse(body['items']);
  };
  await until(async () => (await listed('')).length > 0, { what: 'it to be listed' });
  expect(await listed('')).toEqual([{ ...where, botInstanceId: botId, since: expect.any(String) }]);
  expect(await listed('?node=machine-2')).toEqual([]);
});
