// Somebody else's judgement, asked of a real server: what it may answer, and which addresses are never asked.
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { until } from '@molthub/testing';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { firstWave, settled } from './run.ts';
import { createWebhooks, type Webhooks } from './webhooks.ts';

const changeSetId = '0193a000-0000-7000-8000-000000000001';
const planHash = `sha256:${'1'.repeat(64)}`;
const settledRun = settled(firstWave(2, 0), 1);
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.closeAllConnections();
});

const serve = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve).unref();
  });
  const { port } = z.object({ port: z.int() }).parse(server.address());
  return `http://127.0.0.1:${port}/judge`;
};
const serveText = (text: string, status = 200) =>
  serve((_request, response) => {
    response.writeHead(status).end(text);
  });
const ask = (webhooks: Webhooks, url: string, nowMs = 1_000_000, wave = 0) => {
  const asked = { changeSetId, name: 'next', planHash, run: { ...settledRun, wave }, gate: { url, timeoutSeconds: 1 } };
  return webhooks.saidOf(asked, new Date(nowMs));
};
const saidBy = async (url: string, allowsPrivate = true) => {
  const webhooks = createWebhooks({ allowsPrivate });
  return until(async () => ask(webhooks, url), { what: 'its answer', timeoutMs: 10_000 });
};

test.each(['PASS', 'FAIL', 'INCONCLUSIVE'] as const)('what it answers is its verdict: %s', async (verdict) => {
  const url = await serveText(JSON.stringify({ verdict, message: 'looked at it' }));
  expect(await saidBy(url)).toEqual({ verdict, message: 'looked at it' });
});

test('who has a key signs what it asks, each time under an id of its own', async () => {
  const key = Buffer.alloc(32, 7);
  const seen: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  const url = await serve((request, response) => {
    void textOf(request).then((body) => {
      seen.push({ headers: request.headers, body });
      response.end('{"verdict":"INCONCLUSIVE"}');
    });
  });
  const webhooks = createWebhooks({ allowsPrivate: true, signingKey: key, askAgainMs: 1_000 });
  for (const nowMs of [1_000_000, 2_000_000]) {
    const asked = seen.length;
    await until(async () => ask(webhooks, url, nowMs) && seen.length > asked, { what: 'it to be asked' });
  }
  const ids = seen.map(({ headers }) => headers['webhook-id']);
  expect(ids).toEqual([`${changeSetId}-0-1000000`, `${changeSetId}-0-2000000`]);
  for (const { headers, body } of seen) {
    const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.');
    const expected = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
  }
  expect(seen.map(({ headers }) => headers['webhook-timestamp'])).toEqual(['1000', '2000']);
});

test('who has none signs nothing', async () => {
  const seen: IncomingHttpHeaders[] = [];
  const url = await serve((request, response) => {
    seen.push(request.headers);
    response.end('{"verdict":"PASS"}');
  });
  await saidBy(url);
  expect(Object.keys(seen[0] ?? {}).filter((name) => name.startsWith('webhook-'))).toEqual([]);
});

test.each([
  ['no JSON', 'fine!', 200, /no \{ "verdict"/],
  ['another word', '{"verdict":"GOOD"}', 200, /no \{ "verdict"/],
  ['an error', '{"verdict":"PASS"}', 500, /answered 500/],
  ['a redirection', '{"verdict":"PASS"}', 302, /answered 302/],
  ['a book', 'x'.repeat(100_000), 200, /too long/],
])('%s is an error and never passes', async (_, text, status, message) => {
  expect(await saidBy(await serveText(text, status))).toEqual({
    verdict: 'ERROR',
    message: expect.stringMatching(message),
  });
});

test('who does not answer in time could not be asked, and holds up nobody', async () => {
  const url = await serve(() => undefined);
  const webhooks = createWebhooks({ allowsPrivate: true });
  expect(ask(webhooks, url)).toBeNull();
  const said = await until(async () => ask(webhooks, url), { what: 'the time to be over', timeoutMs: 10_000 });
  expect(said).toMatchObject({ verdict: 'ERROR', message: expect.stringContaining('could not be asked') });
});

test.each([
  'http://127.0.0.1:9/',
  'http://localhost:9/',
  'http://10.1.2.3/',
  'http://192.168.0.1/',
  'http://172.16.0.1/',
  'http://169.254.169.254/latest/meta-data',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://[::1]:9/',
  'http://[::ffff:127.0.0.1]:9/',
  'http://[fd00::1]/',
  'http://[fe80::1]/',
])('%s is no address on the internet, and is not asked', async (url) => {
  const said = await saidBy(url, false);
  expect(said).toMatchObject({ verdict: 'ERROR', message: expect.stringContaining('not on the internet') });
});

test('it is told which wave of which plan, once while nothing changes, and again while it has not decided', async () => {
  const bodies: unknown[] = [];
  let verdict = 'INCONCLUSIVE';
  const url = await serve((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += String(chunk);
    });
    request.on('end', () => {
      bodies.push(JSON.parse(text));
      response.end(JSON.stringify({ verdict }));
    });
  });
  const webhooks = createWebhooks({ allowsPrivate: true });
  await until(async () => ask(webhooks, url)?.verdict === 'INCONCLUSIVE', { what: 'the first answer' });
  expect(bodies).toEqual([{ changeSetId, name: 'next', planHash, wave: 0 }]);
  verdict = 'PASS';
  await until(async () => ask(webhooks, url, 1_010_000)?.verdict === 'PASS', { what: 'the second answer' });
  expect(ask(webhooks, url, 2_000_000)).toMatchObject({ verdict: 'PASS' });
  expect(bodies).toHaveLength(2);
});

test('what it said of one wave says nothing of the next', async () => {
  const url = await serveText('{"verdict":"PASS"}');
  const webhooks = createWebhooks({ allowsPrivate: true });
  await until(async () => ask(webhooks, url), { what: 'the first answer' });
  expect(ask(webhooks, url, 1_000_000, 1)).toBeNull();
});

test('before its wave has settled nobody is asked', async () => {
  const webhooks = createWebhooks({ allowsPrivate: true });
  const gate = { url: await serveText('{"verdict":"PASS"}') };
  expect(webhooks.saidOf({ changeSetId, name: '', planHash, run: firstWave(2, 0), gate }, new Date())).toBeNull();
});
