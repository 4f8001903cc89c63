import { describe, expect, test } from 'vitest';
import { childrenShown, durationOf, saidBy, spansOf, waterfall } from './waterfall.ts';

const at = (ms: number) => new Date(Date.UTC(2026, 10, 21, 10, 0, 0, ms)).toISOString();
type Node = { readonly spanId: string; readonly children: readonly Node[] };
let ids = 0;
const span = (name: string, startMs: number, durationMs: number, children: readonly Node[] = [], status = 'OK') => ({
  spanId: String(ids++),
  name,
  type: 'MODEL',
  status,
  startedAt: at(startMs),
  durationMs,
  children,
});

/** As the server answers a tree with `shape=flat`: parents first, each naming its own parent. */
const spansIn = (roots: readonly Node[]): ReturnType<typeof spansOf> => {
  const flat: unknown[] = [];
  const open = roots.map((node) => ({ node, parentSpanId: '' })).reverse();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, parentSpanId } = next;
    flat.push({ ...node, children: undefined, parentSpanId: parentSpanId || null });
    open.push(...node.children.map((child) => ({ node: child, parentSpanId: node.spanId })).reverse());
  }
  return spansOf(flat);
};

test('a span is indented under its parent and its bar stands where it ran', () => {
  const tree = [span('run', 0, 100, [span('first', 0, 50), span('second', 50, 50)])];
  expect(waterfall(spansIn(tree), { width: 80 })).toEqual([
    'run                              MODEL   ██████████████████████████      100 ms',
    '  first                          MODEL   █████████████                    50 ms',
    '  second                         MODEL                █████████████       50 ms',
  ]);
});

test('what began within one millisecond stands under its parent', () => {
  const [root, child] = [span('root', 0, 0.4), span('child', 0, 0.2)];
  const spans = spansOf([
    { ...root, parentSpanId: null, startedAt: '2026-11-21T10:00:00.000999900Z' },
    { ...child, parentSpanId: root.spanId, startedAt: '2026-11-21T10:00:00.001100Z' },
  ]);
  expect(durationOf(spans)).toBeCloseTo(0.4, 6);
  expect(waterfall(spans, { width: 80 })).toEqual([
    'root                             MODEL   ██████████████████████████     0.40 ms',
    '  child                          MODEL         █████████████            0.20 ms',
  ]);
});

test('no line is wider than the terminal', () => {
  const tree = [span('a very long name '.repeat(10), 0, 65_000, [span('x', 64_999, 10, [], 'ERROR')])];
  for (const width of [60, 81, 200]) {
    for (const line of waterfall(spansIn(tree), { width })) expect(line.length).toBeLessThanOrEqual(width);
  }
});

test('what failed is marked and painted', () => {
  const [line] = waterfall(spansIn([span('call', 0, 1, [], 'ERROR')]), {
    width: 80,
    paint: { red: (text) => `<${text}>`, dim: (text) => text },
  });
  expect(line).toMatch(/^<✗ call .*>$/);
});

test('many children end in one line that counts them, with what failed among them', () => {
  const children = Array.from({ length: 184 }, (_, n) =>
    span(`call ${n}`, n, 1, [span(`inner ${n}`, n, 1)], n === 100 ? 'ERROR' : 'OK'),
  );
  const lines = waterfall(spansIn([span('run', 0, 200, children), span('after', 300, 1)]), { width: 100 });
  expect(lines).toHaveLength(1 + childrenShown * 2 + 1 + 1);
  expect(lines.at(-2)).toBe('  … 172 more, 344 spans, 1 failed, 172 ms (--all shows them)');
  expect(lines.at(-1)).toContain('after');
});

test('everything is shown when asked for, and one more than the limit is shown anyway', () => {
  const children = (count: number) => Array.from({ length: count }, (_, n) => span(`call ${n}`, n, 1));
  const lines = (count: number, all: boolean) =>
    waterfall(spansIn([span('run', 0, 200, children(count))]), { width: 100, all }).length;
  expect(lines(184, true)).toBe(185);
  expect(lines(childrenShown + 1, false)).toBe(1 + childrenShown + 1);
  expect(lines(childrenShown + 2, false)).toBe(1 + childrenShown + 1);
});

test('a new parent starts counting its children anew', () => {
  const children = Array.from({ length: 10 }, (_, n) => span(`call ${n}`, n, 1));
  const lines = waterfall(spansIn([span('a', 0, 20, children), span('b', 30, 20, children)]), { width: 100 });
  expect(lines).toHaveLength(22);
});

test('a chain of 3,000 spans is readable and overflows nothing', () => {
  let chain = span('leaf', 0, 1);
  for (let depth = 0; depth < 3_000; depth += 1) chain = span(`step ${depth}`, 0, 1, [chain]);
  const lines = waterfall(spansIn([chain]), { width: 100 });
  expect(lines).toHaveLength(3_001);
  expect(lines.at(-1)).toContain('[3000] leaf');
});

test('names cannot move the cursor', () => {
  const [line] = waterfall(spansIn([span('a\u001b[2Jb\u202ec\nd', 0, 1)]), { width: 80 });
  expect(line).toMatch(/^abc d /);
});

test('a span whose parent never came stands at the left', () => {
  const orphan = { ...span('orphan', 5, 1), children: undefined, parentSpanId: 'f00d' };
  expect(spansOf([orphan])).toMatchObject([{ depth: 0, startMs: 0 }]);
});

test('a trace of 50,000 spans is drawn without a stack', () => {
  const children = Array.from({ length: 50_000 }, (_, n) => span('call', n, 1));
  expect(waterfall(spansIn([span('run', 0, 50_000, children)]), { width: 100, all: true })).toHaveLength(50_001);
});

describe('what a trace says beside its picture', () => {
  const call = (inputTokens: number, costUsd: number | null, statusMessage = '') => ({
    type: 'MODEL',
    status: statusMessage ? 'ERROR' : 'UNSET',
    statusMessage,
    inputTokens,
    outputTokens: 10,
    costUsd,
  });
  const tool = { ...call(0, null, 'no such order'), outputTokens: 0, type: 'TOOL' };

  test.each([
    ['nothing where no model was called', [tool], ''],
    ['tokens and money', [call(90, 0.0081), call(100, 0.00005), tool], '210 tokens  $0.00815'],
    ['tokens without a price', [call(90, null)], '100 tokens  1 unpriced call'],
    ['what a part cost', [call(90, null), call(90, 0.5)], '200 tokens  $0.5  1 unpriced call'],
    ['a price of nothing', [call(0, 0)], '10 tokens  $0'],
  ])('is %s', (_, spans, usage) => expect(saidBy(spans).usage).toBe(usage));

  test('is the first error that has a message, with nothing that moves the cursor', () => {
    expect(saidBy([{ ...tool, statusMessage: '' }, tool, call(1, 1, 'later')]).error).toBe('no such order');
    expect(saidBy([call(1, 1, 'a\u001b[2Jb')]).error).not.toContain('\u001b');
    expect(saidBy([call(1, 1)]).error).toBe('');
  });
});
