import { expect, test } from 'vitest';
import { isSecretKey } from './named-secrets.ts';
import { redact } from './redact.ts';

const filler = (length: number) => 'Ab3'.repeat(length).slice(0, length);

test.each([
  [
    'a key with headers',
    `-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,12\n\n${filler(64)}\n-----END RSA PRIVATE KEY-----`,
  ],
  [
    'a key of PGP',
    `-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: a-b\n\n${filler(64)}\n-----END PGP PRIVATE KEY BLOCK-----`,
  ],
  ['a key that is cut off', `-----BEGIN PRIVATE KEY-----\n${filler(64)}`],
  ['a bot of Telegram', `123456789:AA${filler(33)}`],
  ['an application of Slack', `xapp-1-${filler(30)}`],
  ['a key of Google', `AIza${filler(35)}`],
  ['a token of GitLab', `glpat-${filler(20)}`],
  ['a token of Hugging Face', `hf_${filler(34)}`],
  ['a key of Stripe', `sk_live_${filler(24)}`],
  ['a bearer', `Bearer ${filler(32)}`],
])('%s is hidden, and what stands around it stays', (_, secret) => {
  const shown = redact(`said ${secret}`);
  expect(shown).toMatch(/^said /);
  expect(shown).toContain('[redacted]');
  expect(shown).not.toContain(filler(20));
});

test('a password in a URL is hidden', () => {
  expect(redact('at postgres://ada:hunter22@db:5432/x')).toBe('at postgres://ada:[redacted]@db:5432/x');
  expect(redact('at https://db:5432/a@b and 12:30 of 123456789:5')).toBe(
    'at https://db:5432/a@b and 12:30 of 123456789:5',
  );
});

test.each([
  'botToken',
  'clientSecret',
  'openaiApiKey',
  'dbPassword',
  'aws_secret_access_key',
  'passphrase',
  'access-key',
])('what %s holds is secret', (key) => {
  expect(isSecretKey(key)).toBe(true);
});

test.each(['gen_ai.usage.input_tokens', 'maxTokens', 'sessionKey', 'openclaw.session.key', 'key', 'secretary'])(
  'what %s holds is none',
  (key) => {
    expect(isSecretKey(key)).toBe(false);
  },
);

test('the time is linear in the text, whatever it says', () => {
  const starts = [
    '-----BEGIN PRIVATE KEY-----',
    '-----END ',
    '://a:b',
    'Bearer ',
    'eyJaaaaaaaa.',
    '123456789:',
    'sk_live_',
  ];
  for (const start of starts) expect(redact(start.repeat(200_000 / start.length)).length).toBeGreaterThan(0);
}, 5_000);
