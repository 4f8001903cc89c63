// The trace tree as the API answers it and `trace show` draws it.
import type { SpansView, SpanType } from '@molthub/contracts';
import type { z } from 'zod';
import { type Branch, buildTree } from './build-tree.ts';

/** What a tree needs of a row of `trace_read.spans`. */
export type SpanRow = Pick<
  z.infer<typeof SpansView.row>,
  | 'span_id'
  | 'parent_span_id'
  | 'name'
  | 'type'
  | 'status'
  | 'status_message'
  | 'started_ns'
  | 'duration_ns'
  | 'attributes'
>;

export type TreeSpan = {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly type: SpanType;
  readonly status: SpanRow['status'];
  readonly statusMessage: string;
  /** RFC 3339, to the nanosecond. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly attributes: SpanRow['attributes'];
  readonly children: readonly TreeSpan[];
};

/** The spans of one trace as nested objects, at most `depthMax` deep; see `buildTree` for what becomes a root. */
export const treeOf = (rows: readonly SpanRow[], options: { readonly depthMax?: number } = {}) => {
  const linked = rows.map((row) => ({
    row,
    spanId: row.span_id,
    parentSpanId: row.parent_span_id,
    startedNs: row.started_ns,
  }));
  return { spanCount: rows.length, roots: buildTree(linked, options).map(told) };
};

// Recursion is safe here: buildTree bounds the depth.
const told = ({ span: { row }, children }: Branch<{ readonly row: SpanRow }>): TreeSpan => ({
  spanId: row.span_id,
  parentSpanId: row.parent_span_id,
  name: row.name,
  type: row.type,
  status: row.status,
  statusMessage: row.status_message,
  startedAt: timeOf(row.started_ns),
  durationMs: Number(row.duration_ns) / 1e6,
  attributes: row.attributes,
  children: children.map(told),
});

const timeOf = (ns: string): string => {
  const nanoseconds = BigInt(ns);
  const seconds = new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${(nanoseconds % 1_000_000_000n).toString().padStart(9, '0')}Z`;
};
