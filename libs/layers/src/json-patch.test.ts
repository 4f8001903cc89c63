import { existsSync, readFileSync } from 'node:fs';
import { Rejected } from '@molthub/decider';
import { isJsonObject } from '@molthub/manifest';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyJsonPatch, jsonPatchBetween, jsonPatchLimits } from './index.ts';
import { anyValue } from './testing.ts';

const folder = new URL('../../../../shared/data/public/json-patch/', import.meta.url);

test('the public tests of JSON Patch are there', () =>
  expect(existsSync(folder), 'shared/data/public/json-patch is needed beside this repository').toBe(true));

const cases = ['tests.json', 'spec_tests.json'].flatMap((file) => {
  if (!existsSync(folder)) return [];
  const rows: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  return Array.isArray(rows) ? rows.filter(isJsonObject).map((row, index) => ({ row, name: `${file} ${index}` })) : [];
});

describe('the public tests of JSON Patch', () => {
  const enabled = cases.filter(({ row }) => row['disabled'] !== true && Object.hasOwn(row, 'patch'));
  test.each(enabled)('$name: $row.comment', ({ row }) => {
    const before = JSON.stringify(row['doc']);
    const applied = () => applyJsonPatch(row['doc'], row['patch']);
    if (Object.hasOwn(row, 'error')) expect(applied).toThrow(Rejected);
    else if (Object.hasOwn(row, 'expected')) expect(applied()).toEqual(row['expected']);
    else expect(applied).not.toThrow();
    expect(JSON.stringify(row['doc'])).toBe(before);
  });
  test('are as many as there are', () => expect([cases.length, enabled.length]).toEqual([112, 108]));
  // They are disabled there because implementations differ; here they hold too.
  const disabled = cases.filter(({ row }) => row['disabled'] === true && Object.hasOwn(row, 'expected'));
  test.each(disabled)('disabled there: $name: $row.comment', ({ row }) =>
    expect(applyJsonPatch(row['doc'], row['patch'])).toEqual(row['expected']),
  );
});

test('the operations between two values make the second of the first', () => {
  fc.assert(
    fc.property(anyValue, anyValue, (before, after) => {
      expect(applyJsonPatch(before, jsonPatchBetween(before, after))).toEqual(after);
      expect(jsonPatchBetween(after, structuredClone(after))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
test('what stands at two places as one object is changed at one of them only', () => {
  const shared = {};
  const patch = [
    { op: 'add', path: '/c/a', value: shared },
    { op: 'add', path: '/d', value: [shared, shared] },
    { op: 'add', path: '/d/0/x', value: 1 },
  ];
  expect(applyJsonPatch({ b: shared, c: shared }, patch)).toEqual({ b: {}, c: { a: {} }, d: [{ x: 1 }, {}] });
  expect(shared).toEqual({});
});
test('a key that a pointer would not name is escaped', () => {
  const [before, after] = [
    { 'a/b': 1, '~': { x: 1 } },
    { 'a/b': 2, '~': {}, '': 1 },
  ];
  expect(jsonPatchBetween(before, after)).toEqual([
    { op: 'replace', path: '/a~1b', value: 2 },
    { op: 'remove', path: '/~0/x' },
    { op: 'add', path: '/', value: 1 },
  ]);
  expect(applyJsonPatch(before, jsonPatchBetween(before, after))).toEqual(after);
});

describe('hostile operations', () => {
  const refused = (document: unknown, patch: unknown) =>
    expect(() => applyJsonPatch(document, patch)).toThrow(Rejected);
  test('reach no prototype', () => {
    for (const path of ['/__proto__/polluted', '/constructor/prototype/polluted', '/a/__proto__', '/toString/x']) {
      refused({ a: {} }, [{ op: 'add', path, value: 1 }]);
    }
    refused({}, [{ op: 'add', path: '/a', value: JSON.parse('{"__proto__":{"x":1}}') }]);
    refused({ a: { b: 1 } }, [{ op: 'move', from: '/a', path: '/__proto__' }]);
  });
  test('do not grow without end', () => {
    const doubling = Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '', path: `/k${index}` }));
    refused({ a: 'x'.repeat(100) }, doubling);
    refused(
      [],
      Array.from({ length: jsonPatchLimits.operationsMax + 1 }, () => ({ op: 'add', path: '/-', value: 1 })),
    );
    refused({}, [{ op: 'add', path: '/a', value: JSON.parse('['.repeat(10_000) + ']'.repeat(10_000)) }]);
    refused({}, [{ op: 'test', path: '/a'.repeat(100_000), value: 1 }]);
    refused([], [{ op: 'add', path: '/1000000000', value: 1 }]);
  });
  test('do not move a thing into itself, and copies are not tied together', () => {
    refused({ a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b/c' }]);
    const copied = applyJsonPatch({ a: { x: 1 } }, [
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'replace', path: '/b/x', value: 2 },
    ]);
    expect(copied).toEqual({ a: { x: 1 }, b: { x: 2 } });
  });
});
