import { Rejected } from '@molthub/decider';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { composePatches, mergePatch, patchBetween } from './index.ts';

describe('RFC 7386, appendix A', () => {
  const cases: readonly (readonly [target: string, patch: string, result: string])[] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ];
  test.each(cases)('%s with %s is %s', (target, patch, result) =>
    expect(mergePatch(JSON.parse(target), JSON.parse(patch))).toEqual(JSON.parse(result)),
  );
});

/** Few names, so that patches meet; nulls are frequent, and so is the form for exactly a value. */
const name = fc.constantFrom('a', 'b', 'c', 'toString');
const { value, patch } = fc.letrec<{ value: unknown; patch: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, 0, 1, 'x', [], [null], {}),
    fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  ),
  patch: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, null, 0, 1, 'x', [1], {}),
    tie('value').map((exact) => ({ $value: exact })),
    fc.dictionary(name, tie('patch'), { maxKeys: 4 }),
  ),
}));

describe('patches', () => {
  test('composed do what they do one after the other', () => {
    fc.assert(
      fc.property(value, patch, patch, (base, p1, p2) => {
        expect(mergePatch(base, composePatches(p1, p2))).toEqual(mergePatch(mergePatch(base, p1), p2));
      }),
      { numRuns: 1_000 },
    );
  });
  test('compose in any grouping', () => {
    fc.assert(
      fc.property(value, patch, patch, patch, (base, p1, p2, p3) => {
        const left = composePatches(composePatches(p1, p2), p3);
        const right = composePatches(p1, composePatches(p2, p3));
        expect(mergePatch(base, left)).toEqual(mergePatch(base, right));
      }),
    );
  });
  test('keep what they delete when they are composed', () =>
    expect(composePatches({ a: 1 }, { b: null })).toEqual({ a: 1, b: null }));
  test('that are deleted and said again do not bring back what was there', () =>
    expect(mergePatch({ a: { old: 1 } }, composePatches({ a: null }, { a: { new: 2 } }))).toEqual({ a: { new: 2 } }));
  test('between two values make the second of the first, and are none exactly where these are equal', () => {
    fc.assert(
      fc.property(value, value, (before, after) => {
        const between = patchBetween(before, after);
        expect(between === undefined ? before : mergePatch(before, between)).toEqual(after);
        expect(patchBetween(before, structuredClone(before))).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });
  test('change neither what they are applied to nor themselves', () => {
    fc.assert(
      fc.property(value, patch, (base, change) => {
        const before = JSON.stringify([base, change]);
        mergePatch(base, change);
        composePatches(base, change);
        expect(JSON.stringify([base, change])).toBe(before);
      }),
    );
  });
});

describe('hostile patches', () => {
  const deep = (levels: number): unknown => JSON.parse('{"a":'.repeat(levels) + '1' + '}'.repeat(levels));
  test('of 10,000 levels are refused', () => {
    expect(() => mergePatch({}, deep(10_000))).toThrow(Rejected);
    expect(() => composePatches(deep(10_000), deep(10_000))).toThrow(Rejected);
    expect(mergePatch({}, deep(64))).toEqual(deep(64));
  });
  test.each(['__proto__', 'constructor', 'prototype'])('with the key %s are refused, naming it', (key) => {
    const patch: unknown = JSON.parse(`{"a":{"${key}":{"polluted":1}}}`);
    expect(() => mergePatch({}, patch)).toThrow(`a.${key}`);
    expect(() => composePatches(patch, { a: { b: 1 } })).toThrow(Rejected);
  });
});
