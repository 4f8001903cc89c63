// OTLP bodies as an OpenClaw sends them, of any number of spans: like its captured model calls in names, attributes
// and size. Written by hand, since an encoder's time would be the load generator's and not the ingest's.
import { randomFillSync } from 'node:crypto';

export const spanBytes = 552;

const lengthDelimited = (field: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([field * 8 + 2]), varint(content.length), content]);

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 0x80);
  return Buffer.from([...bytes, rest]);
};

const text = (field: number, value: string) => lengthDelimited(field, Buffer.from(value));
const attribute = (key: string, value: string | number): Buffer =>
  Buffer.concat([
    text(1, key),
    lengthDelimited(
      2,
      typeof value === 'string' ? text(1, value) : Buffer.concat([Buffer.from([3 * 8]), varint(value)]),
    ),
  ]);

const attributes: readonly (readonly [string, string | number])[] = [
  ['openclaw.provider', 'anthropic'],
  ['openclaw.model', 'claude-sonnet-4'],
  ['openclaw.channel', 'webchat'],
  ['gen_ai.operation.name', 'chat'],
  ['gen_ai.request.model', 'claude-sonnet-4'],
  ['gen_ai.usage.input_tokens', 2_318],
  ['gen_ai.usage.output_tokens', 184],
  ['openclaw.api', 'anthropic-messages'],
  ['openclaw.transport', 'http'],
  ['openclaw.context.message_count', 12],
  ['openclaw.context.token_budget', 128_000],
];

// Where the ids and times of a span stand in it: each a tag, and for bytes a length, before its content.
const at = { traceId: 2, spanId: 20, parentSpanId: 30 } as const;
const fixed64 = (field: number) => Buffer.from([field * 8 + 1, 0, 0, 0, 0, 0, 0, 0, 0]);

const template = (): { readonly span: Buffer; readonly startsAt: number } => {
  const head = Buffer.concat([
    lengthDelimited(1, Buffer.alloc(16)),
    lengthDelimited(2, Buffer.alloc(8)),
    lengthDelimited(4, Buffer.alloc(8)),
    text(5, 'openclaw.model.call'),
    Buffer.from([6 * 8, 3]),
  ]);
  const times = Buffer.concat([fixed64(7), fixed64(8)]);
  const all = attributes.map(([key, value]) => lengthDelimited(9, attribute(key, value)));
  const known = Buffer.concat([head, times, ...all]);
  // Filled up to the size with one more attribute: 2 + 2 bytes of lengths and tags, a key, and the rest as its value.
  const key = 'openclaw.callId';
  const overhead = lengthDelimited(9, attribute(key, '')).length;
  const filled = lengthDelimited(9, attribute(key, 'c'.repeat(spanBytes - known.length - overhead)));
  const span = Buffer.concat([known, filled]);
  if (span.length !== spanBytes) throw new Error(`The span to be sent has ${span.length} bytes, not ${spanBytes}.`);
  return { span, startsAt: head.length + 1 };
};

/** An ExportTraceServiceRequest of `count` new spans in traces of 8, of now. */
export const exportRequest = (count: number): Buffer => {
  const { span, startsAt } = template();
  const spans: Buffer[] = [];
  const endNs = BigInt(Date.now()) * 1_000_000n;
  for (let index = 0; index < count; index += 1) {
    const one = Buffer.from(span);
    randomFillSync(one, at.spanId, 8);
    const first = spans[index - (index % 8)];
    if (index % 8 === 0 || !first) randomFillSync(one, at.traceId, 16);
    else {
      first.copy(one, at.traceId, at.traceId, at.traceId + 16);
      first.copy(one, at.parentSpanId, at.spanId, at.spanId + 8);
    }
    one.writeBigUInt64LE(endNs - 500_000_000n, startsAt);
    one.writeBigUInt64LE(endNs, startsAt + 9);
    spans.push(one);
  }
  const scope = lengthDelimited(1, text(1, 'openclaw'));
  const resource = lengthDelimited(
    1,
    Buffer.concat([
      lengthDelimited(1, attribute('service.name', 'openclaw')),
      lengthDelimited(1, attribute('service.version', '2026.9.6')),
    ]),
  );
  const scopeSpans = lengthDelimited(2, Buffer.concat([scope, ...spans.map((one) => lengthDelimited(2, one))]));
  return lengthDelimited(1, Buffer.concat([resource, scopeSpans]));
};
