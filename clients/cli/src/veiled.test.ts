import { expect, test } from 'vitest';
import { secretPaths, veiled } from './veiled.ts';

test('a text under a telling name is not shown, wherever it stands', () => {
  expect(veiled({ telegram: { botToken: 'x' }, list: [{ apiKey: 'y' }], level: 'info' })).toEqual({
    telegram: { botToken: '•••' },
    list: [{ apiKey: '•••' }],
    level: 'info',
  });
  expect(veiled('open sesame', 'hooks.token')).toBe('•••');
});

test('a text that looks like a secret is not shown under any name', () => {
  expect(veiled({ note: 'sk-abcdef', other: '123456789:AAFakeFakeFakeFakeFakeFake' })).toEqual({
    note: '•••',
    other: '•••',
  });
});

test('what is no text is shown', () => {
  expect(veiled({ tokens: 5, secret: null, on: true })).toEqual({ tokens: 5, secret: null, on: true });
});

const secrets: readonly (readonly [name: string, text: string])[] = [
  ['passphrase', 'hunter2'],
  ['pass', 'hunter2'],
  ['SMTP_PASS', 'hunter2'],
  ['Authorization', 'hunter2'],
  ['header', 'Bearer abc'],
  ['header', 'Authorization: Bearer abc'],
  ['database', 'postgres://u:pw@h/d'],
  ['database', 'https://abc@h/d'],
  ['note', 'github_pat_abc'],
  ['note', 'glpat-abc'],
];

test.each(secrets)('%s: %s is not shown, and lint warns of it', (name, text) => {
  expect(veiled({ [name]: text })).toEqual({ [name]: '•••' });
  expect(veiled([text], `spec.config.${name}[0]`)).toEqual(['•••']);
  expect(secretPaths({ [name]: text })).toEqual([[name]]);
});

test('a reference is no secret, and neither is what only sounds like one', () => {
  const plain = {
    header: 'Bearer ${TOKEN}',
    database: 'postgres://u:${PW}@h/d',
    password: '${PW}',
    bypass: 'no',
    onPass: 'go on',
    tokenFile: '/run/t',
    address: 'https://h/d?mail=a@b',
  };
  expect(secretPaths(plain)).toEqual([]);
  expect(veiled({ bypass: 'no', onPass: 'go on', address: plain.address })).toEqual({
    bypass: 'no',
    onPass: 'go on',
    address: plain.address,
  });
});
