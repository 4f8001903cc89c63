import { expect, test } from 'vitest';
import { seconds, wholeNumbers } from './arguments.ts';

test('a duration is seconds, or has its unit behind it', () => {
  expect(['90', '90s', '15m', '2h', '1d'].map(seconds)).toEqual([90, 90, 900, 7_200, 86_400]);
  for (const text of ['', 's', '1.5h', '-1s', '1 h', '1w']) expect(() => seconds(text)).toThrow('such as 90s');
});

test('numbers stand between commas, and each of them is one', () => {
  expect(wholeNumbers('10, 30,100')).toEqual([10, 30, 100]);
  for (const text of ['', '10,', '10,x', '0,100']) expect(() => wholeNumbers(text)).toThrow('a whole number');
});
