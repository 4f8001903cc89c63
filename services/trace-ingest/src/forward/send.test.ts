import { gzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { afterEach, expect, test } from 'vitest';
import { createSend } from './send.ts';
import { openReceiver, type Receiver } from './testing.ts';

let receiver: Receiver | null = null;
afterEach(() => receiver?.close());

const secret = 'abcdef0123456789';
const headers = { authorization: `Bearer ${secret}`, 'x-team': 'blue' };
const never = new AbortController().signal;
const opened = async (answer?: Receiver['answer']) => {
  receiver = await openReceiver();
  if (answer) receiver.answer = answer;
  return receiver;
};
const answerTo = async (answer?: Receiver['answer'], now?: () => number) => {
  const { url } = await opened(answer);
  const send = createSend({ url: `${url}/v1/traces`, headers }, now ? { now } : {});
  return send(gzipSync('spans'), never);
};

const { Status, Answer } = (() => {
  const root = protobuf.Root.fromJSON({
    nested: {
      Status: { fields: { code: { id: 1, type: 'int32' }, message: { id: 2, type: 'string' } } },
      Partial: { fields: { rejectedSpans: { id: 1, type: 'int64' }, errorMessage: { id: 2, type: 'string' } } },
      Answer: { fields: { partialSuccess: { id: 1, type: 'Partial' } } },
    },
  });
  const encodeAs = (name: string) => (value: object) => {
    const type = root.lookupType(name);
    return Buffer.from(type.encode(type.fromObject(value)).finish());
  };
  return { Status: encodeAs('Status'), Answer: encodeAs('Answer') };
})();
const asProtobuf = { 'content-type': 'application/x-protobuf' };
const asJson = { 'content-type': 'application/json; charset=utf-8' };

test('what is sent is gzip of protobuf, with the headers that were set', async () => {
  expect(await answerTo()).toEqual({ status: 'taken', rejected: 0, message: '' });
  expect(receiver?.received).toMatchObject([
    {
      path: '/v1/traces',
      headers: { ...headers, 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
      body: Buffer.from('spans'),
    },
  ]);
});

const partialSuccess = { rejectedSpans: '3', errorMessage: 'too old' };
test.each([
  ['protobuf', { headers: asProtobuf, body: Answer({ partialSuccess }) }],
  ['JSON', { headers: asJson, body: JSON.stringify({ partialSuccess }) }],
])('how many spans were left out, and why, is read from %s', async (_, reply) => {
  expect(await answerTo(() => reply)).toEqual({ status: 'taken', rejected: 3, message: 'too old' });
});

test.each([
  ['nothing', {}],
  ['an empty object', { headers: asJson, body: '{}' }],
  ['a warning', { status: 202, headers: asProtobuf, body: Answer({ partialSuccess: { errorMessage: '' } }) }],
  ['what is no answer', { headers: asProtobuf, body: Buffer.from([0xff, 0xff]) }],
  ['what is no JSON', { headers: asJson, body: '<html>' }],
])('2xx with %s is taken', async (_, reply) => {
  expect(await answerTo(() => reply)).toEqual({ status: 'taken', rejected: 0, message: '' });
});

test.each([429, 502, 503, 504])('%d is to be sent again', async (status) => {
  expect(await answerTo(() => ({ status }))).toEqual({ status: 'later', afterMs: null, message: String(status) });
});

test.each([
  ['7', 7_000],
  ['Fri, 27 Nov 2026 12:00:09 GMT', 9_000],
  ['Fri, 27 Nov 2026 11:00:00 GMT', 0],
  ['999999999', 600_000],
  ['soon', null],
])('Retry-After: %s', async (said, afterMs) => {
  const reply = { status: 503, headers: { 'retry-after': said } };
  expect(
    await answerTo(
      () => reply,
      () => Date.UTC(2026, 10, 27, 12),
    ),
  ).toMatchObject({ status: 'later', afterMs });
});

test.each([
  [400, false],
  [401, true],
  [403, true],
  [404, true],
  [413, false],
  [500, false],
  [501, false],
])('%d is refused, and says whether of all: %s', async (status, isOfAll) => {
  const reply = { status, headers: asProtobuf, body: Status({ code: 3, message: 'no such field' }) };
  expect(await answerTo(() => reply)).toEqual({ status: 'refused', isOfAll, message: `${status} no such field` });
});

test('what an answer says is quoted short, without our secrets', async () => {
  const reply = {
    status: 401,
    headers: { 'content-type': 'text/plain' },
    body: `${secret} is no key. ${'x'.repeat(1e5)}`,
  };
  const { message } = await answerTo(() => reply);
  expect(message).toMatch(/^401 \[redacted\] is no key\. x+$/);
  expect(message).toHaveLength(300);
});

test('a redirect is not followed', async () => {
  const elsewhere = await openReceiver();
  const reply = { status: 307, headers: { location: `${elsewhere.url}/v1/traces` } };
  expect(await answerTo(() => reply)).toMatchObject({ status: 'refused', isOfAll: true });
  elsewhere.close();
  expect(elsewhere.received).toEqual([]);
});

test('nobody there, and nobody who answers, are to be asked again', async () => {
  const { url, close } = await opened();
  const hanging = createSend({ url, headers }, { timeoutMs: 50 });
  if (receiver) receiver.answer = () => null;
  expect(await hanging(gzipSync('spans'), never)).toMatchObject({ status: 'later', afterMs: null });
  close();
  const { status, message } = await createSend({ url, headers })(gzipSync('spans'), never);
  expect({ status, message }).toEqual({ status: 'later', message: expect.stringContaining('ECONNREFUSED') });
});

test('to be told to stop is no answer', async () => {
  const { url } = await opened(() => null);
  const stop = new AbortController();
  const sending = createSend({ url, headers })(gzipSync('spans'), stop.signal);
  stop.abort();
  await expect(sending).rejects.toThrow();
});
