// What a span says, however it was encoded. Source: opentelemetry-proto 1.x, trace.proto and common.proto.

/** An AnyValue; key-value lists are Maps, so that no key can be more than a key. */
export type Value = null | boolean | number | bigint | string | Buffer | readonly Value[] | Attributes;
export type Attributes = ReadonlyMap<string, Value>;

export type WireEvent = { readonly timeNs: bigint; readonly name: string; readonly attributes: Attributes };
export type WireLink = { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes };

/** Ids are lower-case hex as long as they were sent; nothing is checked yet. */
export type WireSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly WireEvent[];
  readonly links: readonly WireLink[];
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly flags: number;
};

/** What the spans of one scope have in common. */
export type WireSurroundings = { readonly resource: Attributes; readonly scope: string };

/** Where decoders put what they find. */
export type Sink = {
  readonly span: (span: WireSpan, around: WireSurroundings) => void;
  readonly reject: (reason: string) => void;
};

/** Values in values; OTLP gives no limit, and nothing that a bot means to say is nested this deep. */
export const valueDepthMax = 32;
/** A larger span is rejected alone; the others of its request are stored. */
export const spanBytesMax = 1024 * 1024;
export const spanTooLarge = `a span has at most ${spanBytesMax} bytes`;
