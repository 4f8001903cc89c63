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
