// The body of POST /v1/traces → records to store, and how many of its spans had to be rejected.
import { recordOf, type SpanRecord } from '../span-record.ts';
import { nothingMore, type Redaction } from '../redact.ts';
import { decodeJson } from './decode-json.ts';
import { decodeProtobuf } from './decode-protobuf.ts';
import { createPace, type Pace } from './pace.ts';
import { Refusal } from './refusal.ts';

export type Encoding = 'protobuf' | 'json';

/** `message` says for each reason how many spans it cost; empty where none was rejected. */
export type Decoded = { readonly records: readonly SpanRecord[]; readonly rejected: number; readonly message: string };

/** More in one request than any exporter sends; bounds what a request may hold in memory. */
export const spansPerRequestMax = 50_000;

export type DecodeSettings = {
  readonly nowMs?: number;
  readonly pace?: Pace;
  /** What is taken out beside what looks like a secret. */
  readonly redaction?: Redaction;
};

/** Decodes in slices of time. Throws a 400 for a body that is no such message, a 413 for too many spans. */
export const decodeSpans = async (
  body: Buffer,
  encoding: Encoding,
  { nowMs = Date.now(), pace = createPace(), redaction = nothingMore }: DecodeSettings = {},
): Promise<Decoded> => {
  const nowNs = BigInt(nowMs) * 1_000_000n;
  const records: SpanRecord[] = [];
  const reasons = new Map<string, number>();
  const reject = (reason: string) => {
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };
  const decode = encoding === 'json' ? decodeJson : decodeProtobuf;
  await decode(
    body,
    {
      reject,
      span: (span, around) => {
        const record = recordOf(span, around, nowNs);
        if (typeof record === 'string') return reject(record);
        if (records.length >= spansPerRequestMax) {
          throw new Refusal(413, `A request has at most ${spansPerRequestMax} spans; send several.`);
        }
        records.push(record);
      },
    },
    pace,
    redaction,
  );
  const rejected = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  const message = [...reasons].map(([reason, count]) => `${count} × ${reason}`).join('; ');
  return { records, rejected, message };
};
