// Senders that do as OTLP says: what is answered 429, 502, 503 or 504, or not at all, is sent again, and nothing else is.
import { setTimeout as delay } from 'node:timers/promises';

export type Sent = {
  /** Spans that were answered 200. */
  readonly acknowledged: number;
  /** How often each answer came; `none` where the connection broke. */
  readonly answers: Readonly<Record<string, number>>;
  /** Answers that said to come again, but not when. */
  readonly withoutRetryAfter: number;
  /** What was answered otherwise than with 200 or with what may be sent again: those spans are lost. */
  readonly refused: readonly string[];
};

export type Load = {
  readonly url: string;
  /** A bot each. */
  readonly tokens: readonly string[];
  readonly spans: number;
  /** Spans that were sent before: these are others. */
  readonly from?: number;
  readonly spansPerRequest: number;
  /** Requests on their way at once. */
  readonly inFlight: number;
  /** So many spans a second at most; as many as are taken without it. */
  readonly perSecond?: number;
  /** The longest that is waited, whatever an answer says: tests are short. */
  readonly waitMsMax?: number;
  /** Told when a request is sent for the first time. */
  readonly onOffer?: () => void;
  /** Told after each answer, with how many spans are acknowledged. */
  readonly onAnswer?: (acknowledged: number) => void;
  /** Told of each answer that puts a request off. */
  readonly onPutOff?: () => void;
};

const retryable = new Set([429, 502, 503, 504]);
export const spansPerTrace = 10;

/** Resolves once every span was acknowledged or refused for ever. */
export const sendAll = async (load: Load): Promise<Sent> => {
  const { tokens, spansPerRequest, from = 0, waitMsMax = 1_000 } = load;
  const answers: Record<string, number> = {};
  const refused: string[] = [];
  let [acknowledged, withoutRetryAfter, next] = [0, 0, from / spansPerRequest];
  const count = Math.ceil((from + load.spans) / spansPerRequest);
  const began = performance.now();

  const post = async (index: number, body: string): Promise<number | null> => {
    const token = tokens[index % tokens.length] ?? '';
    try {
      const response = await fetch(`${load.url}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body,
      });
      const text = await response.text();
      const { status } = response;
      answers[status] = (answers[status] ?? 0) + 1;
      if (status === 200) {
        if (text !== '{}' && text !== '') refused.push(`200 with ${text}`);
        return null;
      }
      if (!retryable.has(status)) {
        refused.push(`${status} ${text}`);
        return null;
      }
      load.onPutOff?.();
      const after = response.headers.get('retry-after');
      if (after === null) withoutRetryAfter += 1;
      return Number(after ?? 1) * 1_000;
    } catch {
      answers['none'] = (answers['none'] ?? 0) + 1;
      return 100;
    }
  };
  const sender = async () => {
    for (let index = next++; index < count; index = next++) {
      const dueMs = load.perSecond ? ((index * spansPerRequest - from) / load.perSecond) * 1_000 : 0;
      const earlyMs = dueMs - (performance.now() - began);
      if (earlyMs > 0) await delay(earlyMs);
      load.onOffer?.();
      const refusedBefore = refused.length;
      const body = bodyOf(index, spansPerRequest);
      for (let waitMs = await post(index, body); waitMs !== null; waitMs = await post(index, body)) {
        await delay(Math.min(waitMs, waitMsMax) * (0.5 + Math.random() / 2));
      }
      if (refused.length === refusedBefore) acknowledged += spansPerRequest;
      load.onAnswer?.(acknowledged);
    }
  };
  await Promise.all(Array.from({ length: load.inFlight }, sender));
  return { acknowledged, answers, withoutRetryAfter, refused };
};

const hex = (value: number) => value.toString(16).padStart(16, '0');
const startedMs = Date.now() - 600_000;

/** The same bytes each time, so that a request sent again is a repeat. Traces go over the bounds of requests. */
const bodyOf = (request: number, spans: number): string => {
  const each: string[] = [];
  for (let index = request * spans; index < (request + 1) * spans; index += 1) each.push(spanOf(index));
  return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"chaos"}}]},"scopeSpans":[{"scope":{"name":"chaos"},"spans":[${each.join(',')}]}]}]}`;
};

/** A run of ten: a root, then models and tools in turn; every 50th trace fails, and some tokens are cached. */
const spanOf = (index: number): string => {
  const trace = Math.floor(index / spansPerTrace);
  const place = index % spansPerTrace;
  const isRoot = place === 0;
  const name = isRoot ? 'openclaw.run' : place % 2 === 1 ? 'openclaw.model.call' : 'openclaw.tool.execution';
  const start = BigInt(startedMs + (trace % 300_000)) * 1_000_000n + BigInt(place);
  const end = start + BigInt(1 + (index % 977)) * 1_000_000n;
  const attributes =
    place % 2 === 1
      ? `{"key":"gen_ai.request.model","value":{"stringValue":"claude-sonnet-4"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"${100 + (index % 900)}"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"${index % 50}"}}`
      : `{"key":"gen_ai.tool.name","value":{"stringValue":"exec"}}`;
  const parent = isRoot ? '' : `"parentSpanId":"${hex(trace * spansPerTrace + 1)}",`;
  const status = isRoot && trace % 50 === 0 ? ',"status":{"code":2,"message":"no luck"}' : '';
  return `{"traceId":"c4a05000${'0'.repeat(8)}${hex(trace + 1)}","spanId":"${hex(index + 1)}",${parent}"name":"${name}","kind":1,"startTimeUnixNano":"${start}","endTimeUnixNano":"${end}","attributes":[${attributes}]${status}}`;
};
