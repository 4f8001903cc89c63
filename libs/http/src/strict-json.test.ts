import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HttpProblem } from './problem.ts';
import { parseStrictJson } from './strict-json.ts';

const refusal = (text: string): string => {
  try {
    parseStrictJson(text);
  } catch (error) {
    if (error instanceof HttpProblem) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'taken';
};

test('whatever JSON.parse takes with each key once, it takes to the same value', () => {
  const keys = fc
    .string({ unit: 'grapheme' })
    .filter((key) => !['__proto__', 'constructor', 'prototype'].includes(key));
  const value = fc.jsonValue({ maxDepth: 6, stringUnit: 'grapheme' });
  fc.assert(
    fc.property(fc.dictionary(keys, value), (object) => {
      const text = JSON.stringify(object);
      if (/"(__proto__|constructor|prototype)"|\\u0000/.test(text)) return;
      expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    }),
  );
});

describe('sec-054: refused', () => {
  test.each([
    ['32 levels are taken', `${'['.repeat(32)}${']'.repeat(32)}`, 'taken'],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, /^400 .*deeper than 32/],
    ['100,000 levels, before anything recursive sees them', '['.repeat(100_000), /^400 .*deeper than 32/],
    ['20,000 values are taken', `[${'0,'.repeat(19_998)}0]`, 'taken'],
    ['20,001 values', `[${'0,'.repeat(19_999)}0]`, /^400 .*more than 20000 values/],
    ['20,001 values in nested lists', `[${'[[0]],'.repeat(6_667)}0]`, /^400 .*more than 20000 values/],
    ['brackets in text are no levels', JSON.stringify('['.repeat(100)), 'taken'],
    ['a key twice', '{"a":1,"a":2}', /'a' stands twice/],
    ['a key twice, once escaped', '{"a":1,"\\u0061":2}', /'a' stands twice/],
    ['the same key in two objects is fine', '[{"a":1},{"a":2}]', 'taken'],
    ['the same text as key and value is fine', '{"a":"a","b":"a"}', 'taken'],
    ['__proto__', '{"a":{"__proto__":{"admin":true}}}', /'__proto__' is not allowed/],
    ['__proto__, escaped', '{"\\u005f_proto__":1}', /'__proto__' is not allowed/],
    ['constructor', '{"constructor":{"prototype":1}}', /'constructor' is not allowed/],
    ['a number beyond all doubles', '{"a":1e400}', /too large/],
    ['NUL', '{"a":"\\u0000"}', /NUL/],
    ['half a surrogate pair', '{"a":"\\ud800"}', /surrogate/],
    ['half a surrogate pair in a key', '{"\\ud800":1}', /surrogate/],
    ['a byte order mark', '\ufeff{}', /not valid JSON/],
    ['a trailing comma', '{"a":1,}', /not valid JSON near character 7/],
    ['an open string', '{"a', /not valid JSON/],
    ['nothing but a backslash in a string', '"\\', /not valid JSON/],
    ['a key of 1 MB', `{"${'k'.repeat(1_000_000)}":1}`, /longer than 1024/],
  ])('%s', (_, text, expected) => {
    if (expected === 'taken') expect(refusal(text)).toBe('taken');
    else expect(refusal(text)).toMatch(expected);
  });

  test('an error never quotes the text, which may hold a secret', () => {
    expect(refusal('{"token": hunter2}')).not.toMatch(/hunter2/);
  });
});
