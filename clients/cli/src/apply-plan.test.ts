// Against a small HTTP server on this machine that keeps fleets and bots as the gateway's protocol says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { applyPlan } from './apply-plan.ts';
import { type Client, clientOf } from './client.ts';
import { desiredOf } from './desired.ts';
import { diffText, itemOf } from './diff-items.ts';
import { botKind } from './document-kinds/bot.ts';
import type { Step } from './plan.ts';
import { planFor } from './read-plan.ts';
import { waitForBots } from './wait-for-bots.ts';
import { yamlDocuments } from './yaml-documents.ts';

const open: { readonly close: () => void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

const Named = z.looseObject({ name: z.string() });
const Body = z.looseObject({ manifest: z.looseObject({ metadata: Named }).optional() });
type Kept = { id: string; fleetId: string; name: string; manifests: unknown[]; looks: number; refused: boolean };

const uuid = (n: number) => `018f0000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** What the server keeps, and everything that was written to it. */
const serving = async () => {
  const fleets: (Record<string, unknown> & { id: string; name: string })[] = [];
  const bots: Kept[] = [];
  const writes: string[] = [];
  /** A bot converges at the third look, as real ones take their time. */
  const botView = (bot: Kept) => ({
    ...bot,
    status: bot.looks > 2 ? 'RUNNING' : 'RECONCILING',
    health: 'UNKNOWN',
    version: bot.manifests.length,
    manifestVersion: bot.manifests.length,
    generation: bot.manifests.length,
    observedGeneration: bot.looks > 2 ? bot.manifests.length : 0,
    desiredHash: 'h',
    observedHash: bot.looks > 2 ? 'h' : null,
    target: { kind: 'local', endpoint: null },
    lastError: null,
  });
  const answer = (method: string, path: string, query: URLSearchParams, body: unknown): [number, unknown] => {
    const [, , , kind, id, part, version] = path.split('/');
    const isNamed = (one: { name: string; fleetId?: string }) =>
      one.name === query.get('name') && (one.fleetId === undefined || one.fleetId === query.get('fleetId'));
    if (method !== 'GET') writes.push(`${method} ${path.replaceAll(/[0-9a-f-]{36}/g, ':id')}`);
    if (kind === 'fleets' && method === 'GET') return [200, { items: fleets.filter(isNamed), nextCursor: null }];
    if (kind === 'fleets' && method === 'POST') {
      const fleet = { id: uuid(fleets.length + 1), status: 'ACTIVE', ...Named.parse(body) };
      fleets.push(fleet);
      return [201, fleet];
    }
    if (kind === 'fleets') return [200, Object.assign(fleets.find((one) => one.id === id) ?? {}, body)];
    const bot = bots.find((one) => one.id === id);
    if (method === 'DELETE') {
      const at = bots.findIndex((one) => one.id === id);
      return at < 0 ? [404, { detail: 'There is no such bot instance.' }] : [204, bots.splice(at, 1)];
    }
    if (method === 'POST' && id === undefined) {
      const { manifest } = Body.parse(body);
      const name = manifest?.metadata.name ?? '';
      if (name === 'refused')
        return [422, { detail: 'The policy refuses it.', errors: [{ path: 'spec', message: 'no' }] }];
      bots.push({
        id: uuid(100 + bots.length),
        fleetId: uuid(1),
        name,
        manifests: [manifest],
        looks: 0,
        refused: false,
      });
      return [201, botView(bots.at(-1) ?? fail())];
    }
    if (bot === undefined) return [200, { items: bots.filter(isNamed).map(botView), nextCursor: null }];
    if (part === 'events')
      return [200, { items: [{ sequence: 1, type: 't', time: 'x', message: 'm' }], nextCursor: null }];
    if (part === 'manifests' && method === 'GET') {
      return [200, { version: Number(version), manifest: bot.manifests[Number(version) - 1] }];
    }
    if (part === 'manifests') {
      bot.manifests.push(Body.parse(body).manifest);
      bot.looks = 0;
      return [201, { version: bot.manifests.length, hash: 'h', changeSetId: uuid(900) }];
    }
    bot.looks += 1;
    return [200, botView(bot)];
  };
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://x');
    const hasBody = request.method !== 'GET' && request.method !== 'DELETE';
    const body = hasBody ? await json(request) : undefined;
    const [status, content] = answer(request.method ?? '', url.pathname, url.searchParams, body);
    response.writeHead(status).end(status === 204 ? undefined : JSON.stringify(content));
  };
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => response.destroy(new Error('no answer', { cause: error })));
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') return fail();
  const client = clientOf({ server: `http://127.0.0.1:${address.port}`, key: 'k', keySource: 'test' });
  return { client, writes };
};

const fail = (): never => {
  throw new Error('the test server is in a state it cannot be in');
};

const fleet = 'apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: support }\nspec: { environment: dev }\n';
const bot = (name: string, level = 'info') =>
  `---\napiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: ${name}, fleet: support }\nspec:\n` +
  `  runtime: { engine: openclaw, version: 2026.9.6 }\n  target: { kind: local }\n` +
  `  config: { logging: { level: ${level} } }\n`;

const applied = async (client: Client, text: string) => {
  const plan = await planFor(client, yamlDocuments('f.yaml', text).map(desiredOf));
  return { plan, ...(await applyPlan(client, plan)) };
};

test('fleets are made before the bots that live in them, wherever they stand in the file', async () => {
  const { client, writes } = await serving();
  const { changed } = await applied(client, `${bot('anna')}---\n${fleet}`);
  expect(writes).toEqual(['POST /api/v1/fleets', 'POST /api/v1/bot-instances']);
  expect(changed.map(({ title, released }) => ({ title, released }))).toEqual([
    { title: 'bot/support/anna', released: true },
  ]);
});

test('applying the same again changes nothing', async () => {
  const { client, writes } = await serving();
  const text = fleet + bot('anna') + bot('bert');
  await applied(client, text);
  const before = writes.length;
  const { plan, changed } = await applied(client, text);
  expect(plan.map((step) => step.action)).toEqual(['unchanged', 'unchanged', 'unchanged']);
  expect({ changed, writes: writes.length }).toEqual({ changed: [], writes: before });
  expect(diffText(plan.map(itemOf))).toContain('0 to create, 0 to change, 3 unchanged');
});

test('what differs becomes a new version, and nothing else is touched', async () => {
  const { client, writes } = await serving();
  await applied(client, fleet + bot('anna') + bot('bert'));
  writes.length = 0;
  const { changed } = await applied(client, fleet + bot('anna', 'debug') + bot('bert'));
  expect(writes).toEqual(['POST /api/v1/bot-instances/:id/manifests']);
  expect(changed).toHaveLength(1);
});

test('a refused bot is told under its name, and the others are made all the same', async () => {
  const { client } = await serving();
  const { changed, refused } = await applied(client, fleet + bot('anna') + bot('refused') + bot('bert'));
  expect(changed.map(({ title }) => title)).toEqual(['bot/support/anna', 'bot/support/bert']);
  expect(refused.map(({ message }) => message)).toEqual(['bot/support/refused: The policy refuses it.']);
});

test('a bot of a fleet that nobody describes is no plan', async () => {
  const { client } = await serving();
  const plan = await planFor(client, yamlDocuments('f.yaml', bot('anna')).map(desiredOf));
  expect(plan).toMatchObject([{ action: 'impossible', reason: expect.stringContaining("no fleet 'support'") }]);
});

test('what is gone when it is to be deleted counts as deleted, and the rest is deleted all the same', async () => {
  const { client, writes } = await serving();
  const text = fleet + bot('anna') + bot('bert');
  await applied(client, text);
  const there = await planFor(client, yamlDocuments('f.yaml', text).map(desiredOf));
  const plan = there.flatMap((step): Step[] =>
    step.action === 'unchanged' && step.kind === botKind && step.current !== undefined
      ? [{ ...step, current: step.current, action: 'delete' }]
      : [],
  );
  await client.delete(`/bot-instances/${uuid(100)}`);
  writes.length = 0;
  const { deleted } = await applyPlan(client, plan);
  expect(deleted).toEqual(['bot/support/anna', 'bot/support/bert']);
  expect(writes).toHaveLength(2);
});

test("a fleet's environment is not changed by an edit", async () => {
  const { client, writes } = await serving();
  await applied(client, fleet);
  const plan = await planFor(client, yamlDocuments('f.yaml', fleet.replace('dev', 'prod')).map(desiredOf));
  expect(plan).toMatchObject([{ action: 'impossible', reason: expect.stringContaining('promotion') }]);
  expect(writes).toEqual(['POST /api/v1/fleets']);
});

test('waiting ends when every bot reports what is desired', async () => {
  const { client } = await serving();
  const { changed } = await applied(client, fleet + bot('anna') + bot('bert'));
  expect(await waitForBots(client, changed, { timeoutMs: 20_000, timelines: false })).toEqual([]);
});

test('waiting ends when the time is over, and names who is not there', async () => {
  const { client } = await serving();
  const { changed } = await applied(client, fleet + bot('anna'));
  expect(await waitForBots(client, changed, { timeoutMs: 0, timelines: true })).toEqual([
    { path: 'bot/support/anna', code: 'timeout', message: 'still RECONCILING when the time was over' },
  ]);
});
