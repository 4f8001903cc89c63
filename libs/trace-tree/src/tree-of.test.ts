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
  attributes: { n: 1 },
});

test('a tree tells times to the nanosecond and durations in ms', () => {
  const { spanCount, roots } = treeOf([row('b', 'a', '1763687640123456790'), row('a', null, '1763687640123456789')]);
  expect(spanCount).toBe(2);
  expect(roots).toEqual([
    {
      spanId: 'a',
      parentSpanId: null,
      name: 'span a',
      type: 'OTHER',
      status: 'UNSET',
      statusMessage: '',
      startedAt: '2025-11-21T01:14:00.123456789Z',
      durationMs: 1.5,
      attributes: { n: 1 },
      children: [expect.objectContaining({ spanId: 'b', startedAt: '2025-11-21T01:14:00.123456790Z', children: [] })],
    },
  ]);
});
