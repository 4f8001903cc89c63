import { connect } from 'node:net';
import { createLogger } from '@molthub/telemetry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type App, createApp, traceparentOf } from './app.ts';
import { HttpProblem, problemSchema } from './problem.ts';
import { parsePart } from './validation.ts';

const refused: string[] = [];
let app: App;

beforeAll(async () => {
  app = createApp({
    logger: createLogger('test', 'silent'),
    translate: (error) =>
      error instanceof Error && error.message === 'known'
        ? new HttpProblem({ status: 409, code: 'x.known', detail: 'Known.' })
        : undefined,
    refused: (_, problem) => refused.push(problem.code),
    bodyBytesMax: 1_024,
  });
  const Body = z.strictObject({ name: z.string(), inner: z.strictObject({ count: z.int() }).optional() });
  app.post('/things', async (request) => parsePart(Body, 'body', request.body));
  app.get('/fault', async () => {
    throw new Error('the password is hunter2');
  });
  app.get('/known', async () => {
    throw new Error('known');
  });
  app.get('/trace', async (request) => ({ traceparent: traceparentOf(request), address: request.ip }));
  await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => app.close());

const post = (payload: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  app.inject({ method: 'POST', url: '/things', payload, headers });
const problemOf = (response: { body: string }) => problemSchema.parse(JSON.parse(response.body));

test('a problem is RFC 9457, with the code and the correlation id of the request', async () => {
  const response = await post('{"name":1,"colour":"blue"}', {
    'content-type': 'application/json',
    'x-correlation-id': 'mine-1',
  });
  expect(response.statusCode).toBe(400);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(response.headers['x-correlation-id']).toBe('mine-1');
  const problem = problemOf(response);
  expect(problem).toMatchObject({
    status: 400,
    title: 'Bad Request',
    code: 'gateway.invalid-request',
    correlationId: 'mine-1',
  });
  expect(problem.errors).toEqual([
    { path: 'name', code: 'invalid-type', message: 'must be a text, not a number' },
    { path: 'colour', code: 'unknown-field', message: 'no such field; take it out' },
  ]);
});

test('sec-X7: a body is neither coerced nor trimmed to what is known', async () => {
  expect((await post('{"name":5}')).statusCode).toBe(400);
  expect(problemOf(await post('{"name":"a","inner":{"count":1,"more":2}}')).errors).toMatchObject([
    { path: 'inner.more', code: 'unknown-field' },
  ]);
  expect(problemOf(await post('{}')).errors).toMatchObject([{ path: 'name', code: 'missing-field' }]);
});

describe('sec-038: a body that is not JSON in UTF-8 is 415 or checked, never 500', () => {
  test.each([
    ['none', undefined, 415],
    ['text', 'text/plain', 415],
    ['form', 'application/x-www-form-urlencoded', 415],
    ['multipart', 'multipart/form-data; boundary=x', 415],
    ['garbage', 'garbage', 415],
    ['utf-7', 'application/json; charset=utf-7', 415],
    ['a tab and garbage after it', 'application/json\ta', 415],
    ['another JSON', 'application/ld+json', 415],
    ['utf-8', 'application/json; charset=utf-8', 200],
    ['upper case', 'Application/JSON', 200],
  ])('%s', async (_, type, status) => {
    const response = await post('{"name":"a"}', type === undefined ? {} : { 'content-type': type });
    expect(response.statusCode).toBe(status);
  });

  test('bytes that are no UTF-8', async () => {
    const payload = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    const response = await app.inject({
      method: 'POST',
      url: '/things',
      payload,
      headers: { 'content-type': 'application/json' },
    });
    expect(problemOf(response)).toMatchObject({ status: 400, code: 'gateway.malformed-json' });
  });
});

test('a body above the limit is 413', async () => {
  expect(problemOf(await post(`{"name":"${'a'.repeat(1_100)}"}`))).toMatchObject({
    status: 413,
    code: 'gateway.body-too-large',
  });
});

test('a fault is told as 500 without its text', async () => {
  const response = await app.inject({ method: 'GET', url: '/fault' });
  expect(problemOf(response)).toMatchObject({ status: 500, code: 'gateway.internal-error' });
  expect(response.body).not.toMatch(/hunter2|stack/);
});

test('what the door behind knows how to translate is told as that', async () => {
  expect(problemOf(await app.inject({ method: 'GET', url: '/known' }))).toMatchObject({ status: 409, code: 'x.known' });
  expect(refused).toContain('x.known');
});

test.each(['a b', 'a\u001bb', 'x'.repeat(65), 'ä', ''])('sec-076: %j is not taken as a correlation id', async (id) => {
  const response = await app.inject({ method: 'GET', url: '/known', headers: { 'x-correlation-id': id } });
  expect(response.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
});

test('sec-041: a trace context is passed on where it has the form, and made anew where not', async () => {
  const ask = async (traceparent?: string) => {
    const response = await app.inject({
      method: 'GET',
      url: '/trace',
      headers: traceparent === undefined ? {} : { traceparent },
    });
    return z.object({ traceparent: z.string() }).parse(response.json()).traceparent;
  };
  const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  expect(await ask(good)).toBe(good);
  for (const bad of [undefined, 'x', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, `${good}-more`]) {
    expect(await ask(bad)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  }
});

test('sec-031: nobody chooses their address by a header', async () => {
  const response = await app.inject({
    method: 'GET',
    url: '/trace',
    headers: { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4', 'x-real-ip': '1.2.3.4' },
  });
  expect(response.json()).toMatchObject({ address: '127.0.0.1' });
});

test('more than 64 headers are refused', async () => {
  const headers = Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`x-${n}`, '1']));
  expect((await app.inject({ method: 'GET', url: '/trace', headers })).statusCode).toBe(431);
});

test('a path that cannot be decoded is 400', async () => {
  const response = await app.inject({ method: 'GET', url: '/%zz' });
  expect(problemOf(response)).toMatchObject({ status: 400, code: 'gateway.malformed-url' });
});

/** Everything that the server says to these bytes, until it hangs up. */
const spoken = async (bytes: string): Promise<string> => {
  const { port } = z.object({ port: z.int() }).parse(app.server.address());
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
};

test.each([
  ['no HTTP', 'nonsense\r\n\r\n', 400],
  [
    'sec-039: two lengths',
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['sec-039: a length with a sign', 'POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n', 400],
  ['sec-039: a space before the colon', 'GET /trace HTTP/1.1\r\nHost : x\r\n\r\n', 400],
  ['sec-040: headers above 16 KiB', `GET /trace HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
])('%s is told as a problem and cut', async (_, bytes, status) => {
  const text = await spoken(bytes);
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(text).toMatch(/application\/problem\+json/);
});
