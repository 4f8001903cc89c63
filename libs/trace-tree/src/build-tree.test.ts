import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Branch, buildTree, type Linked } from './build-tree.ts';

const span = (spanId: string, parentSpanId: string | null, startedNs = '1'): Linked => ({
  spanId,
  parentSpanId,
  startedNs,
});
type Told = readonly [string, ...Told[]];
const told = (branches: readonly Branch<Linked>[]): Told[] => branches.map((b) => [b.span.spanId, ...told(b.children)]);

const everySpan = <S>(branches: readonly Branch<S>[]) => {
  const queue = branches.map((branch) => ({ branch, depth: 1 }));
  for (const { branch, depth } of queue)
    for (const child of branch.children) queue.push({ branch: child, depth: depth + 1 });
  return queue;
};

describe('a trace', () => {
  test('hangs children under their parent in order of time, though they came before it', () => {
    const spans = [span('c', 'a', '10'), span('b', 'a', '9'), span('d', 'b', '11'), span('a', null, '8')];
    expect(told(buildTree(spans))).toEqual([['a', ['b', ['d']], ['c']]]);
  });
  test('shows a span whose parent never came as a root', () => {
    expect(told(buildTree([span('b', 'gone', '2'), span('c', 'b', '3'), span('a', null, '1')]))).toEqual([
      ['a'],
      ['b', ['c']],
    ]);
  });
  test('orders times by their value, not their text', () => {
    expect(told(buildTree([span('b', null, '1000'), span('a', null, '999')]))).toEqual([['a'], ['b']]);
  });
  test('breaks a circle at its earliest span', () => {
    const spans = [span('a', 'c', '3'), span('b', 'a', '2'), span('c', 'b', '4'), span('d', 'c', '1')];
    expect(told(buildTree(spans))).toEqual([['b', ['c', ['d'], ['a']]]]);
    expect(told(buildTree([span('a', 'a')]))).toEqual([['a']]);
  });
  test('shows every span of one id, and gives the children to the earliest', () => {
    const spans = [span('a', null, '2'), span('a', null, '1'), span('b', 'a', '3')];
    expect(told(buildTree(spans))).toEqual([['a', ['b']], ['a']]);
  });
  test('without spans has no roots', () => {
    expect(buildTree([])).toEqual([]);
  });
});

test('a chain of 10,000 spans loses none, is at most depthMax deep and can be written as JSON', () => {
  const chain = Array.from({ length: 10_000 }, (_, i) => span(`s${i}`, i === 0 ? null : `s${i - 1}`, String(1000 + i)));
  const all = everySpan(buildTree(chain));
  expect(all).toHaveLength(10_000);
  expect(Math.max(...all.map(({ depth }) => depth))).toBe(256);
  expect(JSON.stringify(buildTree(chain)).length).toBeGreaterThan(100_000);
  expect(everySpan(buildTree(chain, { depthMax: 1_000_000 })).at(-1)?.depth).toBe(10_000);
});

test('whatever the links, every span is in the tree once, and no deeper than allowed', () => {
  const id = fc.integer({ min: 0, max: 12 }).map((n) => `s${n}`);
  const anySpan = fc.record({ spanId: id, parentSpanId: fc.option(id), startedNs: fc.nat({ max: 20 }).map(String) });
  fc.assert(
    fc.property(fc.array(anySpan, { maxLength: 40 }), fc.integer({ min: 2, max: 6 }), (spans, depthMax) => {
      const all = everySpan(buildTree(spans, { depthMax }));
      expect(all).toHaveLength(spans.length);
      expect(new Set(all.map(({ branch }) => branch.span))).toEqual(new Set(spans));
      expect(all.every(({ depth }) => depth <= depthMax)).toBe(true);
    }),
  );
});
