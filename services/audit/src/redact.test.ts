import { expect, test } from 'vitest';
import { diffBytesMax, redacted } from './redact.ts';

const key = 'sk-abcdefghijklmnopqrstuvwxyz123456';

test.each([
  ['a value at a secret name', { botToken: 'hunter2!' }],
  ['a number at a secret name', { password: 12345 }],
  ['a known form of key anywhere', { note: `please use ${key}` }],
  ['a password in an address', { url: 'postgres://anna:hunter2!@db/x' }],
  ['values below a name of secrets', { secrets: { OPENAI: 'hunter2!' } }],
  ['values in lists of credentials', { credentials: ['hunter2!'] }],
  ['a private key', { pem: '-----BEGIN EC PRIVATE KEY-----\nhunter2!' }],
  ['whatever is below an authorization', { Authorization: { value: 'hunter2!' } }],
])('%s is hidden', (_what, data) => {
  const text = JSON.stringify(redacted(data));
  expect(text).toContain('[redacted]');
  expect(text).not.toContain('hunter2!');
  expect(text).not.toContain('12345');
});

test('references to secrets, ids and limits stay readable', () => {
  const data = {
    secrets: [{ name: 'OPENAI_API_KEY', provider: 'env', key: 'OPENAI_API_KEY' }],
    tokenReference: 'bots/anna/gateway.token',
    tokenId: '0193a000-0000-7000-8000-000000000001',
    maxTokens: 500,
    hash: `sha256:${'a'.repeat(64)}`,
  };
  expect(redacted(data)).toEqual(data);
});

test('a large part is replaced by its size and hash, the others stay', () => {
  const data = { version: 3, resolved: { text: 'x'.repeat(diffBytesMax) } };
  expect(redacted(data)).toMatchObject({
    version: 3,
    resolved: { omittedBytes: diffBytesMax + 11, hash: expect.stringMatching(/^sha256:/) },
  });
});

test('no diff is larger than its limit', () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`field${at}`, 'some text']));
  for (const data of [many, Object.values(many), 'x'.repeat(100_000)]) {
    expect(JSON.stringify(redacted(data)).length).toBeLessThanOrEqual(diffBytesMax);
  }
});

test('what Postgres cannot keep in JSON is replaced, and depth has an end', () => {
  expect(redacted({ text: 'a\u0000b', half: '\ud800' })).toEqual({ text: 'a\uFFFDb', half: '\uFFFD' });
  let deep: unknown = 'end';
  for (let level = 0; level < 1_000; level += 1) deep = { deep };
  expect(JSON.stringify(redacted(deep))).toContain('[too deep]');
});

test('names of prototypes are data like any other', () => {
  const data: unknown = JSON.parse('{"__proto__": {"admin": true}, "constructor": {"prototype": {"x": 1}}}');
  expect(JSON.stringify(redacted(data))).toBe(JSON.stringify(data));
});
