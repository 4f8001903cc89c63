import { expect, test } from 'vitest';
import { printable, printableDeep, printableJson, printableLines } from './printable.ts';

const esc = '\u001b';
const hostile = `a${esc}[31mred${esc}[0m${esc}]0;title\u0007b\u009b2Jc\r\u202ed\u0000e\u007f\u200bf`;

test('no control character, escape sequence or change of direction reaches the terminal', () => {
  expect(printable(hostile)).toBe('aredbcdef');
  expect(printable(`${esc}P+q544e${esc}\\x${esc}c`)).toBe('x');
});

test('one line stays one line, and several lines stay several', () => {
  expect(printable('a\nb\tc')).toBe('a b c');
  expect(printableLines('a\nb\tc\r\n')).toBe('a\nb\tc\n');
});

test('an escape sequence without its end takes only itself', () => {
  expect(printable(`a${esc}[`)).toBe('a[');
  expect(printable(`a${esc}`)).toBe('a');
});

test('every string inside a value is made plain, keys too', () => {
  expect(printableDeep({ [`k${esc}[1m`]: [hostile, 1, null, { x: true }] })).toEqual({
    k: ['aredbcdef', 1, null, { x: true }],
  });
});

test('JSON stays exact and shows nothing to the terminal but text', () => {
  const text = printableJson({ hostile, newline: 'a\nb' }, 2);
  expect(JSON.parse(text)).toEqual({ hostile, newline: 'a\nb' });
  expect(text).not.toMatch(/(?!\n)[\p{Cc}\u202e\u200b]/u);
});
