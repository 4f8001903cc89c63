import { expect, test } from 'vitest';
import { veiled } from './veiled.ts';

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
