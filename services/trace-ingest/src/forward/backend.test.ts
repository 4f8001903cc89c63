import { expect, test } from 'vitest';
import { backendOf } from './backend.ts';

test.each([
  ['https://otlp.example.com', 'https://otlp.example.com/v1/traces'],
  ['https://otlp.example.com/', 'https://otlp.example.com/v1/traces'],
  ['http://127.0.0.1:4318/api/public/otel/', 'http://127.0.0.1:4318/api/public/otel/v1/traces'],
])('the path of the protocol is added to %s', (address, url) => {
  expect(backendOf(address, undefined)).toEqual({ url, headers: {} });
});

test('nothing is forwarded where nothing is said', () => {
  expect(backendOf(undefined, undefined)).toBeNull();
  expect(backendOf('', '')).toBeNull();
});

test('headers are read as those of OpenTelemetry are', () => {
  const text = 'Authorization=Bearer%20abc==, x-team=a%2Cb ,';
  expect(backendOf('http://h', text)?.headers).toEqual({ authorization: 'Bearer abc==', 'x-team': 'a,b' });
});

const u = 'MOLTHUB_FORWARD_OTLP_URL';
const h = 'MOLTHUB_FORWARD_OTLP_HEADERS';
test.each([
  ['otlp.example.com', '', `${u}: write a base address`],
  ['ftp://example.com', '', `${u}: write a base address`],
  ['https://u:secret@example.com', '', `${u}: leave out user and password`],
  ['https://example.com?a=secret', '', `${u}: leave out what begins with ?`],
  ['https://example.com/v1/traces', '', `${u}: leave out /v1/traces`],
  [undefined, 'a=secret', `${h}: set ${u} too`],
  ['http://h', 'a=1,secret', `${h}: entry 2: write key=value`],
  ['http://h', 'a b=secret', `${h}: entry 1: write key=value`],
  ['http://h', 'Content-Type=secret', `${h}: entry 1: leave out content-type`],
  ['http://h', 'a=1,A=secret', `${h}: entry 2: leave out a`],
  ['http://h', 'a=secret%', `${h}: entry 1: write the value of a in ASCII`],
  ['http://h', 'a=secret%0d%0ab', `${h}: entry 1: write the value of a in ASCII`],
  ['http://h', 'a=', `${h}: entry 1: write the value of a in ASCII`],
])('%s with headers %s is refused by name, and no value is shown', (address, headers, message) => {
  const read = () => backendOf(address, headers);
  expect(read).toThrow(message);
  expect(read).not.toThrow('secret');
});
