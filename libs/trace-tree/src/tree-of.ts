// The trace tree as the API answers it and `trace show` draws it.
import type { SpansView, SpanType } from '@molthub/contracts';
import type { z } from 'zod';
import { type Branch, buildTree } from './build-tree.ts';

type Stored = z.infer<typeof SpansView.row>;

/** What a tree needs of a row of `trace_read.spans`. */
export type SpanRow = Pick<
  Stored,
  | 'span_id'
  | 'parent_span_id'
  | 'name'
  | 'type'
  | 'status'
  | 'status_message'
  | 'started_ns'
  | 'duration_ns'
  | 'model'
  | 'input_tokens'
  | 'cached_tokens'
  | 'output_tokens'
  | 'cost_usd'
  | 'has_content'
> & {
  /** Undefined: not asked for. */
  readonly attributes?: unknown;
  /** Whether it was begun and has not ended; its duration is the time until now. */
  readonly is_open?: boolean;
};

export type TreeSpan = {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** Whether it names a parent that is not among the spans. */
  readonly isOrphan: boolean;
  readonly isOpen: boolean;
  readonly name: string;
  readonly type: SpanType;
  readonly status: SpanRow['status'];
  readonly statusMessage: string;
  /** RFC 3339, to the nanosecond. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly model: string | null;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number | null;
  readonly hasContent: boolean;
  readonly attributes?: unknown;
  readonly children: readonly TreeSpan[];
};

/** The spans of one trace as nested objects, at most `depthMax` deep; see `buildTree` for what becomes a root. */
export const treeOf = (rows: readonly SpanRow[], options: { readonly depthMax?: number } = {}) => {
  const ids = new Set(rows.map((row) => row.span_id));
  const linked = rows.map((row) => ({
    row,
    spanId: row.span_id,
    parentSpanId: row.parent_span_id,
    startedNs: row.started_ns,
    isOrphan: row.parent_span_id !== null && !ids.has(row.parent_span_id),
  }));
  return { spanCount: rows.length, roots: buildTree(linked, options).map(told) };
};

// Recursion is safe here: buildTree bounds the depth.
const told = ({
  span: { row, isOrphan },
  children,
}: Branch<{ readonly row: SpanRow; readonly isOrphan: boolean }>): TreeSpan => ({
  spanId: row.span_id,
  parentSpanId: row.parent_span_id,
  isOrphan,
  isOpen: row.is_open === true,
  name: row.name,
  type: row.type,
  status: row.status,
  statusMessage: row.status_message,
  startedAt: timeOf(row.started_ns),
  durationMs: Number(row.duration_ns) / 1e6,
  model: row.model,
  inputTokens: row.input_tokens,
  cachedTokens: row.cached_tokens,
  outputTokens: row.output_tokens,
  costUsd: row.cost_usd,
  hasContent: row.has_content,
  ...(row.attributes === undefined ? {} : { attributes: row.attributes }),
  children: children.map(told),
});

const timeOf = (ns: string): string => {
  const nanoseconds = BigInt(ns);
  const seconds = new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${(nanoseconds % 1_000_000_000n).toString().padStart(9, '0')}Z`;
};
