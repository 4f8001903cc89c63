// The parts of ingest by themselves, for measuring what each costs.
export { decodeSpans } from '../otlp/decode-spans.ts';
export { copyOf, spanColumns } from './copy-rows.ts';
export { createSpanStore } from './store-spans.ts';
export type { Batch, Source, Stored } from './stored.ts';
