import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childPath, isItemWith, type PathPart, parsePath } from './index.ts';

describe('a path that somebody wrote', () => {
  const name = (text: string) => ({ kind: 'name', name: text });
  const written: readonly (readonly [string, unknown])[] = [
    ['spec.runtime.cpu', [name('spec'), name('runtime'), name('cpu')]],
    ['spec.channels[0].type', [name('spec'), name('channels'), { kind: 'index', index: 0 }, name('type')]],
    ['a["b.c"]["d\\"]"]', [name('a'), name('b.c'), name('d"]')]],
    ['a.*[*]', [name('a'), { kind: 'every' }, { kind: 'every' }]],
    ['a["*"]', [name('a'), name('*')]],
    ['a[type=telegram].b', [name('a'), { kind: 'item', keys: { type: 'telegram' } }, name('b')]],
    ['a[host="x, ]=y",port=80]', [name('a'), { kind: 'item', keys: { host: 'x, ]=y', port: '80' } }]],
  ];
  test.each(written)('%s is read', (path, steps) => expect(parsePath(path)).toEqual(steps));

  const none = [
    '',
    'a..b',
    'a.',
    'a[',
    'a[x]',
    'a[=x]',
    'a[b=]',
    'a["x]',
    'a[b=1,]x',
    'a b',
    'é',
    `a${'.b'.repeat(32)}`,
  ];
  test.each([...none, 'a'.repeat(301)])('%s is none', (path) => expect(parsePath(path)).toBeUndefined());

  test('is read as it was made, whatever the keys are called', () => {
    const part = fc.oneof(fc.string({ maxLength: 20 }), fc.nat({ max: 999_999 }));
    fc.assert(
      fc.property(fc.array<PathPart>(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const steps = parts.map((at) => (typeof at === 'number' ? { kind: 'index', index: at } : name(at)));
        expect(parsePath(parts.reduce<string>(childPath, ''))).toEqual(steps);
      }),
    );
  });
  test('takes linear time to be none', () => {
    for (const hostile of [
      '['.repeat(300),
      `a[b=${'"'.repeat(290)}`,
      `a[b=${'\\"'.repeat(140)}]`,
      `a${'[b=c'.repeat(70)}`,
    ]) {
      const began = process.threadCpuUsage();
      expect(parsePath(hostile)).toBeUndefined();
      const { user, system } = process.threadCpuUsage(began);
      expect((user + system) / 1_000).toBeLessThan(50);
    }
  });
});

test('an item is known by its keys, written as text, and never by what every object inherits', () => {
  expect(isItemWith({ host: 'x', port: 80 }, { host: 'x', port: '80' })).toBe(true);
  expect(isItemWith({ host: 'x' }, { host: 'x', port: '80' })).toBe(false);
  expect(isItemWith({ constructor: 1 }, { toString: 'x' })).toBe(false);
  expect(isItemWith('x', {})).toBe(false);
});
