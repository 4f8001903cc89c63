import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { ago, amount, cell, duration, fields, table } from './output.ts';
import { progressText } from './progress.ts';

test('columns are as wide as their widest cell, colours not counted', () => {
  const colours = pc.createColors(true);
  const lines = table(
    [
      { title: 'A', of: (row: readonly string[]) => colours.red(row[0] ?? '') },
      { title: 'B', of: (row) => row[1] ?? '' },
    ],
    [
      ['long one', 'x'],
      ['s', 'y'],
    ],
  ).split('\n');
  expect(lines.slice(1)).toEqual([`${colours.red('long one')}  x`, `${colours.red('s')}         y`]);
});

test('ages and durations are in the largest unit that fits', () => {
  const now = Date.UTC(2026, 10, 21, 12);
  const at = (ms: number) => new Date(now - ms).toISOString();
  expect([9_000, 61_000, 7_200_000, 200_000_000].map((ms) => ago(at(ms), now))).toEqual(['9s', '1m', '2h', '2d']);
  expect([ago(null, now), ago('nonsense', now), ago(at(-5_000), now)]).toEqual(['–', '–', '0s']);
  expect([0.25, 4.2, 840, 1_500, 125_000].map(duration)).toEqual([
    '0.25 ms',
    '4.2 ms',
    '840 ms',
    '1.50 s',
    '2 min 5 s',
  ]);
});

test('one thing is one thing, and none are several', () => {
  expect([0, 1, 2].map((count) => amount(count, 'bot'))).toEqual(['0 bots', '1 bot', '2 bots']);
});

test('a bar is full when everything is done, and when there was nothing to do', () => {
  expect(progressText('x', 5, 10)).toContain(`${'█'.repeat(15)}${'░'.repeat(15)} 5/10 50 %`);
  expect(progressText('x', 0, 0)).toContain('100 %');
  expect(progressText('x', 1, 2, 'a\u001b[2Jb')).toContain('  ab');
});

test('the values of fields stand under one another', () => {
  const text = fields([
    ['a', '1'],
    ['long', '2'],
  ]);
  expect(stripVTControlCharacters(text)).toBe('a     1\nlong  2');
});

test('one long value does not push a table off the screen', () => {
  expect(cell('x'.repeat(1_000_000))).toBe(`${'x'.repeat(159)}…`);
});
