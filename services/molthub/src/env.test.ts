import { afterEach, expect, test, vi } from 'vitest';
import { readSettings } from './env.ts';

afterEach(() => vi.unstubAllEnvs());

test('a backend for spans is read with its headers, and there is none by default', () => {
  expect(readSettings().backend).toBeNull();
  vi.stubEnv('MOLTHUB_FORWARD_OTLP_URL', 'https://otlp.example.com');
  vi.stubEnv('MOLTHUB_FORWARD_OTLP_HEADERS', 'api-key=abc');
  expect(readSettings().backend).toEqual({
    url: 'https://otlp.example.com/v1/traces',
    headers: { 'api-key': 'abc' },
  });
});

test('one that is malformed is refused by name before anything starts', () => {
  vi.stubEnv('MOLTHUB_FORWARD_OTLP_URL', 'otlp.example.com:4318');
  expect(readSettings).toThrow(/^MOLTHUB_FORWARD_OTLP_URL: write a base address/);
});

test('webhooks are signed with the bytes behind whsec_, and with nothing by default', () => {
  expect(readSettings().webhookKey).toBeNull();
  const key = Buffer.alloc(32, 7);
  vi.stubEnv('MOLTHUB_WEBHOOK_SECRET', `whsec_${key.toString('base64')}`);
  expect(readSettings().webhookKey).toEqual(key);
});

test.each(['secret', `whsec_${Buffer.alloc(23).toString('base64')}`, `whsec_${Buffer.alloc(65).toString('base64')}`])(
  'a webhook secret such as %s is refused, and not repeated',
  (secret) => {
    vi.stubEnv('MOLTHUB_WEBHOOK_SECRET', secret);
    expect(readSettings).toThrow(/^MOLTHUB_WEBHOOK_SECRET: write whsec_ and then 24 to 64 bytes in base64$/);
  },
);
