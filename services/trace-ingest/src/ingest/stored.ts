// A span on its way into the tables: what it says, who sent it, and where its surroundings stand.
import type { SpanRecord } from '../span-record.ts';

/** Who sent telemetry, as the token says. */
export type Source = {
  readonly workspace: string;
  readonly botId: string;
  readonly fleetId: string | null;
  readonly simulated: boolean;
};

export type Batch = { readonly source: Source; readonly records: readonly SpanRecord[] };

/** Where a span's prompts and messages are: which row of `span_contents`, and which element of its list. */
export type ContentPlace = { readonly id: string; readonly index: number };
export type Stored = {
  readonly source: Source;
  readonly record: SpanRecord;
  readonly surroundings: bigint;
  readonly content: ContentPlace | null;
};
