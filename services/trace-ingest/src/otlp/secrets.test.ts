// Secrets of every form, wherever they stand, as `redact.ts` finds them in text: the look at bytes must miss none.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { redact } from '../redact.ts';
import { decodeSpans } from './decode-spans.ts';
import { columnsOf, encode } from './testing.ts';

const word = (length: number) => 'aB3dE6gH9jK2mN5pQ8sT1vW4xY7z'.repeat(4).slice(0, length);
const secrets = [
  `sk-${word(12)}`,
  `sk-ant-api03-${word(40)}`,
  `sk_live_${word(8)}`,
  `rk_test_${word(24)}`,
  ...['ghp', 'gho', 'ghu', 'ghs', 'ghr'].map((kind) => `${kind}_${word(36)}`),
  `github_pat_${word(22)}`,
  `glpat-${word(20)}`,
  ...['xoxa', 'xoxb', 'xoxp', 'xoxr', 'xoxs'].map((kind) => `${kind}-1234567890-${word(12)}`),
  `xapp-1-${word(20)}`,
  'AKIAIOSFODNN7EXAMPLE',
  'ASIAIOSFODNN7EXAMPLE',
  `AIza${word(35)}`,
  `npm_${word(36)}`,
  `hf_${word(34)}`,
  `SG.${word(22)}.${word(43)}`,
  `whsec_${word(32)}`,
  `mh_0123456789abcdef_${word(43)}`,
  `mhb_${word(43)}`,
  `123456789:AA${word(33)}`,
  `bot123456789:AA${word(33)}`,
  `M${word(23)}.${word(6)}.${word(27)}`,
  `eyJ${word(20)}.eyJ${word(20)}.${word(30)}`,
  `Bearer ${word(24)}`,
  `bearer ${word(24)}`,
  '-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----',
  '-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQdGBF\n-----END PGP PRIVATE KEY BLOCK-----',
  `https://user:${word(9)}@example.org/path`,
  `password=${word(13)}`,
  `{"apiKey":"${word(13)}"}`,
  `{\\"apiKey\\":\\"${word(13)}\\"}`,
  `tool --token ${word(13)}`,
  `Authorization: Basic ${word(13)}`,
  `Set-Cookie: a=${word(13)}`,
];

const spanOf = (text: string) => ({
  traceId: Buffer.alloc(16, 7),
  spanId: Buffer.alloc(8, 9),
  name: text,
  startTimeUnixNano: '1763687640123456789',
  endTimeUnixNano: '1763687640123456790',
  attributes: [
    { key: 'said', value: { stringValue: text } },
    {
      key: 'list',
      value: { arrayValue: { values: [{ kvlistValue: { values: [{ key: 'x', value: { stringValue: text } }] } }] } },
    },
    { key: 'gen_ai.input.messages', value: { stringValue: text } },
    { key: 'raw', value: { bytesValue: Buffer.from(text) } },
  ],
  events: [{ name: text, attributes: [{ key: 'said', value: { stringValue: text } }] }],
  links: [
    {
      traceId: Buffer.alloc(16, 1),
      spanId: Buffer.alloc(8, 1),
      attributes: [{ key: 'said', value: { stringValue: text } }],
    },
  ],
  status: { code: 2, message: text },
});

const stored = async (text: string) => {
  const around = { attributes: [{ key: 'host', value: { stringValue: text } }] };
  const scope = { name: text };
  const body = encode({ resourceSpans: [{ resource: around, scopeSpans: [{ scope, spans: [spanOf(text)] }] }] });
  const { records } = await decodeSpans(body, 'protobuf');
  return records[0];
};

test.each(secrets.map((secret) => [secret.slice(0, 14), secret]))('%s… is nowhere', async (_, secret) => {
  const record = await stored(secret);
  const { attributes, events, links } = columnsOf(record);
  const { name, statusMessage, surroundings, body } = record ?? {};
  const all = JSON.stringify([name, statusMessage, surroundings, attributes, events, links, body?.content?.toString()]);
  for (const part of secret
    .split(/[\s:/@]+|-----/)
    .filter((one) => one.length > 12 && !/PRIVATE KEY|example|^Authorization$/.test(one))) {
    expect(all).not.toContain(JSON.stringify(part).slice(1, -1));
    expect(all).not.toContain(Buffer.from(part).toString('base64').slice(0, -4));
  }
  expect(all).toContain('[redacted]');
});

test.each([
  ['process.command_args', ['tool', '--token', 'x', '--db-password', 'y', '--verbose', 'z', '--token', '--quiet']],
  ['said', [{ arrayValue: { values: ['--token', 'x'].map((stringValue) => ({ stringValue })) } }]],
])('an item of %s behind the name of a secret is hidden', async (key, items) => {
  const values = items.map((item) => (typeof item === 'string' ? { stringValue: item } : item));
  const span = { ...spanOf('x'), attributes: [{ key, value: { arrayValue: { values } } }] };
  const { records } = await decodeSpans(encode({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }), 'protobuf');
  const shown = [
    'tool',
    '--token',
    '[redacted]',
    '--db-password',
    '[redacted]',
    '--verbose',
    'z',
    '--token',
    '--quiet',
  ];
  expect(JSON.parse(columnsOf(records[0]).attributes)).toEqual({
    [key]: key === 'said' ? [['--token', '[redacted]']] : shown,
  });
});

test('whatever stands around it, bytes tell what the text would', async () => {
  const around = fc.string({ unit: 'grapheme', maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(around, fc.constantFrom(...secrets), around, async (before, secret, after) => {
      const text = `${before}${secret}${after}`;
      const { attributes } = columnsOf(await stored(text));
      const { said } = JSON.parse(attributes);
      expect(said).toBe(redact(text).replaceAll('\0', ''));
    }),
    { numRuns: 3_000 },
  );
});
