// Bad input: a clear error that names the field and the fix, nothing changed, and an entry in the audit.
import { until } from '@molthub/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { makeBot, makeFleet, openclawManifest, simulatedManifest } from './src/bots.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { Page, Problem } from './src/shapes.ts';

let molthub: Molthub;
let fleetId = '';
beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
  fleetId = (await makeFleet(molthub, 'support')).id;
}, 180_000);
afterAll(() => molthub.remove());

type Case = {
  readonly what: string;
  readonly status: number;
  readonly path: string | RegExp;
  readonly send: () => ReturnType<Molthub['call']>;
};

const bot = (manifest: unknown) => molthub.call('POST', '/bot-instances', { fleetId, manifest });
const withRuntime = (runtime: Record<string, unknown>) => ({
  ...simulatedManifest('anna'),
  spec: { ...simulatedManifest('anna').spec, runtime },
});

const cases: readonly Case[] = [
  {
    what: 'malformed JSON',
    status: 400,
    path: '',
    send: () => molthub.call('POST', '/fleets', undefined, { raw: '{"name":' }),
  },
  {
    what: 'an unknown field',
    status: 400,
    path: /colour/,
    send: () => molthub.call('POST', '/fleets', { name: 'blue', environment: 'dev', colour: 'blue' }),
  },
  {
    what: 'a name of another form',
    status: 400,
    path: 'name',
    send: () => molthub.call('POST', '/fleets', { name: 'A B', environment: 'dev' }),
  },
  {
    what: 'an OpenClaw version that is not pinned',
    status: 400,
    path: /spec\.runtime\.version/,
    send: () => bot(openclawManifest('anna', 'latest', {})),
  },
  {
    what: 'an engine that does not exist',
    status: 400,
    path: /spec\.runtime\.engine/,
    send: () => bot(withRuntime({ engine: 'toaster' })),
  },
  {
    what: 'a literal that looks like a secret',
    status: 400,
    path: /spec\.config/,
    send: () =>
      bot(
        openclawManifest('anna', '2026.9.6', { models: { providers: { x: { apiKey: `sk-${'a1B2'.repeat(12)}` } } } }),
      ),
  },
  {
    what: 'a prototype key',
    status: 400,
    path: '',
    send: () =>
      molthub.call('POST', '/fleets', undefined, { raw: '{"name":"x","environment":"dev","__proto__":{"a":1}}' }),
  },
  {
    what: 'a manifest that policy denies',
    status: 422,
    path: 'spec.policies.forbidPublicAdmin',
    send: () =>
      bot({
        ...simulatedManifest('anna'),
        spec: { ...simulatedManifest('anna').spec, policies: { forbidPublicAdmin: false } },
      }),
  },
];

test.each(cases)('$what is refused with $status, naming the field', async ({ status, path, send }) => {
  const answer = await send();
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  const problem = Problem.parse(answer.body);
  expect(problem.detail.length).toBeGreaterThan(10);
  if (path !== '') expect(problem.errors.map((error) => error.path).join(' ')).toMatch(path);
  expect(answer.body).not.toContain('a1B2a1B2');
  await until(
    async () => {
      const page = Page.parse((await molthub.call('GET', '/audit?limit=200')).body);
      return page.items.find((i) => i['correlationId'] === problem.correlationId && i['outcome'] === 'REFUSED');
    },
    { what: 'the refusal in the audit' },
  );
});

test('nothing was changed by what was refused', async () => {
  expect(Page.parse((await molthub.call('GET', '/fleets')).body).items).toHaveLength(1);
  expect(Page.parse((await molthub.call('GET', '/bot-instances')).body).items).toHaveLength(0);
});

test('a body that is too large is 413', async () => {
  const answer = await molthub.call('POST', '/fleets', {
    name: 'x',
    environment: 'dev',
    description: 'x'.repeat(2_000_000),
  });
  expect(answer.status).toBe(413);
  expect(Problem.parse(answer.body).detail).toMatch(/1 MiB|1,?048,?576/);
});

test('a wrong If-Match is 412 and changes nothing', async () => {
  const answer = await molthub.call(
    'PATCH',
    `/fleets/${fleetId}`,
    { description: 'other' },
    { headers: { 'if-match': '"99"' } },
  );
  expect(answer.status).toBe(412);
  expect((await molthub.call('GET', `/fleets/${fleetId}`)).body).toMatchObject({ version: 1 });
});

test('an OTLP body that is none is 400 with a status in its own language', async () => {
  const made = await makeBot(molthub, fleetId, simulatedManifest('olga'));
  const issued = await molthub.call('POST', `/bot-instances/${made.id}/ingest-token`, {});
  const { token } = z.object({ token: z.string() }).parse(issued.body);
  const { otlp } = await molthub.endpoints();
  const send = (type: string, body: string) =>
    fetch(`${otlp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': type, authorization: `Bearer ${token}` },
      body,
    });
  const json = await send('application/json', '{"resourceSpans": 5}');
  expect(json.status).toBe(400);
  expect(await json.json()).toMatchObject({ message: expect.any(String) });
  expect((await send('application/x-protobuf', 'not a protobuf')).status).toBe(400);
});

test('without a key, with a wrong key and in another workspace nothing is to be seen', async () => {
  expect((await molthub.call('GET', '/fleets', undefined, { key: 'wrong' })).status).toBe(401);
  expect((await molthub.call('GET', '/fleets/00000000-0000-4000-8000-000000000000')).status).toBe(404);
});
