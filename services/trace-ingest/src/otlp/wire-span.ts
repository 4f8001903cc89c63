// What a span says, as far as anything is concluded from it; all else is bytes that are only stored.
// Source: opentelemetry-proto 1.x, trace.proto and common.proto.

/** An AnyValue; key-value lists are Maps, so that no key can be more than a key. */
export type Value = null | boolean | number | bigint | string | Buffer | readonly Value[] | Attributes;
export type Attributes = ReadonlyMap<string, Value>;

/** `attributes` are those that classification reads (`promotedKeys`). */
export type WireEvent = { readonly timeNs: bigint; readonly name: string; readonly attributes: Attributes };

/** What is stored as it came. */
export type SpanBody = {
  /** The columns `attributes`, `events`, `links` and `rest` of a row, as COPY takes them. */
  readonly columns: Buffer;
  /** A JSON object of prompts, messages, arguments and results; null where there are none. */
  readonly content: Buffer | null;
};

/** Ids are lower-case hex as long as they were sent; texts may be stored as they are. */
export type WireSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Those that classification reads (`promotedKeys`): texts, numbers and truths; any other value is null. */
  readonly attributes: Attributes;
  readonly events: readonly WireEvent[];
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly flags: number;
  readonly body: SpanBody;
};

/** What the spans of one scope have in common, as JSON. One object for all of them. */
export type Surroundings = { readonly resource: string; readonly scope: string; readonly rest: string | null };

/** Where decoders put what they find. */
export type Sink = {
  readonly span: (span: WireSpan, around: Surroundings) => void;
  readonly reject: (reason: string) => void;
};

/** Values in values; OTLP gives no limit, and nothing that a bot means to say is nested this deep. */
export const valueDepthMax = 32;
/** A larger span is rejected alone; the others of its request are stored. */
export const spanBytesMax = 1024 * 1024;
export const spanTooLarge = `a span has at most ${spanBytesMax} bytes`;
/**
 * Nested ones included, and in JSON its values: a span is read in one piece, and small fields take longer than their
 * bytes do.
 */
export const fieldsMax = 32_768;
export const spanTooRich = `a span has at most ${fieldsMax} fields, those in fields included`;
