import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Rejected } from '@molthub/decider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigSchema } from './config-schema.ts';
import { keysOf, linkSchema, schemaFor } from './schema-parts.ts';
import { validateConfig } from './validate-config.ts';

const string = { type: 'string' };
const object = (properties: object, more: object = {}) => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...more,
});
/**
 * In the manner of OpenClaw's schema: pasted plugin schemas with own definitions, defaults listed as required,
 * choices.
 */
const example = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  ...object({
    gateway: object({ port: { type: 'integer', minimum: 1 }, bind: { enum: ['loopback', 'lan'] } }),
    logging: object({ level: { anyOf: [{ const: 'info' }, { const: 'debug' }] } }),
    channels: object({
      chat: object(
        { dmPolicy: { ...string, default: 'open' }, botToken: string },
        { required: ['dmPolicy', 'botToken'] },
      ),
    }),
    secret: {
      anyOf: [
        string,
        object({ source: { const: 'env' }, id: { ...string, pattern: '^[A-Z]+$' } }, { required: ['source', 'id'] }),
        object({ source: { const: 'file' }, id: { ...string, pattern: '^/' } }, { required: ['source', 'id'] }),
      ],
    },
    plugin: {
      ...object({ key: { $ref: '#/$defs/key' } }),
      $defs: { key: { $ref: '#/$defs/inner' }, inner: { type: 'number' } },
    },
    remote: { $ref: 'https://example.com/schema.json' },
    lost: { $ref: '#/$defs/nowhere' },
    slow: { ...string, pattern: '^(?!x)(a+)+$' },
    linear: { ...string, pattern: '^(a+)+$' },
  }),
};

let folder = '';
let schema: ConfigSchema;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'molthub-schema-'));
  schema = { version: '2026.9.6', hash: 'h', file: join(folder, 'schema.json') };
  writeFileSync(schema.file, JSON.stringify(example));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a right config has no problems, and defaults need not be written', async () => {
  const config = {
    gateway: { port: 1 },
    channels: { chat: { botToken: 'x' } },
    secret: { source: 'env', id: 'KEY' },
    plugin: { key: 1 },
  };
  expect(await validateConfig(schema, config)).toEqual([]);
});

test('each problem names its path, what is wrong and what would be right', async () => {
  const config = {
    gateway: { port: '1', bind: 'moon', nonsense: 1 },
    logging: { level: 'loud' },
    channels: { chat: {} },
    constructor: {},
  };
  expect(new Set(await validateConfig(schema, config))).toEqual(
    new Set([
      { path: 'gateway.port', code: 'wrong-type', message: 'Expected type integer.' },
      { path: 'gateway.bind', code: 'wrong-value', message: 'Expected one of: "loopback", "lan".' },
      {
        path: 'gateway.nonsense',
        code: 'unknown-key',
        message: 'Unrecognized key "nonsense": remove it or correct its name.',
      },
      { path: 'logging.level', code: 'wrong-value', message: 'Expected one of: "info", "debug".' },
      { path: 'channels.chat.botToken', code: 'missing', message: 'This key is required here.' },
      {
        path: 'constructor',
        code: 'unknown-key',
        message: 'Unrecognized key "constructor": remove it or correct its name.',
      },
    ]),
  );
});

test('of a choice between shapes only the one that was meant is spoken of', async () => {
  expect(await validateConfig(schema, { secret: { source: 'file', id: 'KEY' } })).toEqual([
    { path: 'secret.id', code: 'wrong-format', message: 'Must match the pattern ^/.' },
  ]);
  expect(await validateConfig(schema, { secret: 1 })).toMatchObject([{ path: 'secret', code: 'wrong-value' }]);
});

test('every pattern is its own', async () => {
  expect(await validateConfig(schema, { secret: { source: 'env', id: '/path' } })).toMatchObject([
    { path: 'secret.id' },
  ]);
  expect(await validateConfig(schema, { secret: { source: 'file', id: '/path' } })).toEqual([]);
});

test('references of pasted schemas are followed, remote and lost ones are not fetched and forbid nothing', async () => {
  expect(await validateConfig(schema, { plugin: { key: 'x' }, remote: 1, lost: {} })).toMatchObject([
    { path: 'plugin.key' },
  ]);
});

test('the part of a schema that a config touches is small', () => {
  const part = schemaFor(linkSchema(example), keysOf({ gateway: { port: 1 } }));
  expect(part['properties']).toEqual({ gateway: object({ port: { type: 'integer', minimum: 1 } }) });
});

test('a value is never repeated in a problem', async () => {
  const problems = await validateConfig(schema, {
    gateway: { bind: 'canary-secret' },
    secret: { source: 'env', id: 'canary-secret' },
  });
  expect(problems).toHaveLength(2);
  expect(JSON.stringify(problems)).not.toContain('canary-secret');
});

test('a pattern that backtracks without end is given up in time; others waiting are answered', async () => {
  const poison = validateConfig(schema, { slow: `${'a'.repeat(40)}!` }, { timeoutMs: 500 });
  const next = validateConfig(schema, { gateway: { port: 1 } });
  await expect(poison).rejects.toThrow(Rejected);
  expect(await next).toEqual([]);
});

test('a pattern without look-ahead cannot backtrack at all', async () => {
  expect(await validateConfig(schema, { linear: `${'a'.repeat(40)}!` })).toMatchObject([{ path: 'linear' }]);
});

test('a config too large or too deep is refused before it is looked at', async () => {
  let deep: object = {};
  for (let i = 0; i < 10_000; i += 1) deep = { deep };
  await expect(validateConfig(schema, deep)).rejects.toThrow(/nested/);
  await expect(validateConfig(schema, { a: 'x'.repeat(1_048_577) })).rejects.toThrow(/larger/);
});

test('a schema that cannot be read is a fault, not a verdict', async () => {
  const missing = { ...schema, file: join(folder, 'none.json') };
  await expect(validateConfig(missing, {})).rejects.toThrow(/could not be judged/);
});
