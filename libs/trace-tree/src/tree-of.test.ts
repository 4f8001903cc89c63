import { expect, test } from 'vitest';
import { type SpanRow, treeOf } from './tree-of.ts';

const row = (span_id: string, parent_span_id: string | null, started_ns: string): SpanRow => ({
  span_id,
  parent_span_id,
  name: `span ${span_id}`,
  type: 'OTHER',
  status: 'UNSET',
  status_message: '',
  started_ns,
  duration_ns: '1500000',
  model: null,
  input_tokens: 0,
  cached_tokens: 0,
  output_tokens: 0,
  cost_usd: null,
  has_content: false,
  attributes: { n: 1 },
});

test('a tree tells times to the nanosecond and durations in ms', () => {
  const { spanCount, roots } = treeOf([row('b', 'a', '1763687640123456790'), row('a', null, '1763687640123456789')]);
  expect(spanCount).toBe(2);
  expect(roots).toEqual([
    {
      spanId: 'a',
      parentSpanId: null,
      isOrphan: false,
      isOpen: false,
      name: 'span a',
      type: 'OTHER',
      status: 'UNSET',
      statusMessage: '',
      startedAt: '2025-11-21T01:14:00.123456789Z',
      durationMs: 1.5,
      model: null,
      inputTokens: 0,
      cachedTokens: 0,
      outputTokens: 0,
      costUsd: null,
      hasContent: false,
      attributes: { n: 1 },
      children: [expect.objectContaining({ spanId: 'b', startedAt: '2025-11-21T01:14:00.123456790Z', children: [] })],
    },
  ]);
});

test('a span whose parent has not come is an orphan, also where it is no root; one of a circle is none', () => {
  const { roots } = treeOf([row('a', 'gone', '1'), row('b', 'a', '2'), row('c', 'c', '3')]);
  expect(roots.map(({ spanId, isOrphan }) => [spanId, isOrphan])).toEqual([
    ['a', true],
    ['c', false],
  ]);
  expect(roots[0]?.children).toMatchObject([{ spanId: 'b', isOrphan: false }]);
});
