// Answers in the encoding of the request, errors too: OTLP's Export…ServiceResponse and google.rpc.Status.
import type { Encoding } from './decode-spans.ts';
import type { RefusalStatus } from './refusal.ts';

export const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;

export type Partial = { readonly rejected: number; readonly message: string };

/** Everything stored: an empty message. Otherwise its `partial_success` says how many were rejected, and why. */
export const successBody = (encoding: Encoding, { rejected, message }: Partial) => {
  if (rejected === 0) return Buffer.from(encoding === 'json' ? '{}' : '');
  const errorMessage = message.slice(0, messageCharsMax);
  if (encoding === 'json') {
    return Buffer.from(JSON.stringify({ partialSuccess: { rejectedSpans: String(rejected), errorMessage } }));
  }
  const partial = Buffer.concat([Buffer.from([0x08]), varint(rejected), textField(0x12, errorMessage)]);
  return Buffer.concat([Buffer.from([0x0a]), varint(partial.length), partial]);
};

/** google.rpc.Status with the canonical code for an HTTP status. */
export const statusBody = (encoding: Encoding, status: RefusalStatus, text: string) => {
  const message = text.slice(0, messageCharsMax);
  const code = codes[status];
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  return Buffer.concat([Buffer.from([0x08]), varint(code), textField(0x12, message)]);
};

const messageCharsMax = 2_000;

/** INVALID_ARGUMENT, UNAUTHENTICATED, NOT_FOUND, UNIMPLEMENTED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const codes: Readonly<Record<RefusalStatus, number>> = {
  400: 3,
  401: 16,
  404: 5,
  405: 12,
  408: 4,
  413: 8,
  415: 3,
  429: 8,
  503: 14,
};

const textField = (tag: number, text: string) => {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
};

const varint = (value: number) => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
};
