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

export type Stored = { readonly source: Source; readonly record: SpanRecord; readonly surroundings: bigint };
