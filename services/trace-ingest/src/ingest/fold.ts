// Counts spans: what a batch of new ones adds to traces, rollups and errors. Pure, and without an order: folding in
// any order and in any number of batches comes to the same.
import { latencyBucketsMs, type SpanType, tokenBuckets } from '@molthub/contracts';
import type { SpanRecord } from '../span-record.ts';
import type { Source } from './stored.ts';

/** A new span, and the configuration that its bot ran when it began ('' where nobody knows). */
export type Counted = { readonly source: Source; readonly record: SpanRecord; readonly configHash: string };

export type TraceGroup = ReturnType<typeof newTrace>;
export type BotGroup = ReturnType<typeof newBot>;
export type CallGroup = ReturnType<typeof newCall>;
export type FailureGroup = ReturnType<typeof newFailure>;
export type ErrorGroup = ReturnType<typeof newErrorGroup>;

export type Folded = {
  readonly traces: readonly TraceGroup[];
  /** By minute. */
  readonly bots: readonly BotGroup[];
  /** By minute. */
  readonly calls: readonly CallGroup[];
  readonly failures: readonly FailureGroup[];
  /** By fingerprint. */
  readonly errors: readonly ErrorGroup[];
};

export const fold = (spans: readonly Counted[]): Folded => {
  const bots = new Map<string, OfBot>();
  for (const span of spans) {
    const { source, record, configHash } = span;
    const of = made(bots, source.botId, newOfBot);
    const end = endOf(record);
    addToTrace(
      made(of.traces, record.traceId, () => newTrace(span)),
      span,
      end,
    );
    const minute = minuteOf(end);
    const { bot, calls } = made(made(of.minutes, minute, newByConfig), configHash, () => newMinute(span, minute));
    addToBot(bot, record);
    const name = calledBy(record);
    if (name !== null) {
      addToCall(
        made(made(calls, record.type, newByName), name, () => newCall(span, minute, name)),
        record,
      );
    }
    const { fingerprint } = record;
    if (fingerprint !== null) {
      addToErrors(
        made(of.errors, fingerprint, () => newErrorGroup(span, fingerprint)),
        record,
      );
    }
    if (record.status === statusError && (record.request || record.parentSpanId === null)) {
      addToFailure(
        made(of.failures, minute, () => newFailure(span, minute)),
        record,
      );
    }
  }
  const all = [...bots.values()];
  const minutes = all.flatMap((of) => [...of.minutes.values()].flatMap((byConfig) => [...byConfig.values()]));
  return {
    traces: all.flatMap((of) => [...of.traces.values()]),
    bots: minutes.map(({ bot }) => bot),
    calls: minutes.flatMap(({ calls }) => [...calls.values()].flatMap((byName) => [...byName.values()])),
    failures: all.flatMap((of) => [...of.failures.values()]),
    errors: all.flatMap((of) => [...of.errors.values()]),
  };
};

/** What is counted of one bot. */
type OfBot = ReturnType<typeof newOfBot>;
const newOfBot = () => ({
  traces: new Map<string, TraceGroup>(),
  minutes: new Map<number, Map<string, OfMinute>>(),
  failures: new Map<number, FailureGroup>(),
  errors: new Map<bigint, ErrorGroup>(),
});
/** … within a minute and under one configuration; calls by their type and name. */
type OfMinute = ReturnType<typeof newMinute>;
const newMinute = (span: Counted, minute: number) => ({
  bot: newBot(span, minute),
  calls: new Map<SpanType, Map<string, CallGroup>>(),
});
const newByConfig = () => new Map<string, OfMinute>();
const newByName = () => new Map<string, CallGroup>();

const statusError = 2;
const minuteNs = 60_000_000_000n;

const endOf = (record: SpanRecord): bigint => record.startedNs + record.durationNs;
/** Milliseconds of the start of the minute that holds this moment. */
const minuteOf = (ns: bigint): number => Number(ns / minuteNs) * 60_000;
const calledBy = (record: SpanRecord): string | null =>
  record.type === 'MODEL' ? (record.model ?? '') : record.type === 'TOOL' ? record.tool : null;

const made = <K, G>(groups: Map<K, G>, key: K, make: () => G): G => {
  const known = groups.get(key);
  if (known) return known;
  const group = make();
  groups.set(key, group);
  return group;
};

const newTokens = () => ({ inputTokens: 0, cachedTokens: 0, outputTokens: 0, costPico: 0n, unpricedCalls: 0 });

const addTokens = (group: ReturnType<typeof newTokens>, { type, tokens, costPico }: SpanRecord) => {
  group.inputTokens += tokens.input;
  group.cachedTokens += tokens.cached;
  group.outputTokens += tokens.output;
  if (costPico !== null) group.costPico += costPico;
  else if (type === 'MODEL') group.unpricedCalls += 1;
};

const newTrace = ({ source, record, configHash }: Counted) => ({
  source,
  traceId: record.traceId,
  ...leadOf(record, configHash),
  startedNs: record.startedNs,
  endedNs: endOf(record),
  spanCount: 0,
  errorCount: 0,
  rootCount: 0,
  requestCount: 0,
  modelCalls: 0,
  toolCalls: 0,
  ...newTokens(),
  models: new Set<string>(),
  session: record.session,
  run: record.run,
  error: noError(),
});

/** Who names a trace: its earliest root; until one comes, its earliest span. */
const leadOf = (record: SpanRecord, configHash: string) => ({
  rank: rankOf(record),
  namedNs: record.startedNs,
  namedSpan: record.spanId,
  name: record.name,
  type: record.type,
  status: record.status,
  configHash,
});

const rankOf = (record: SpanRecord): number => (record.parentSpanId === null ? 0 : 1);
const leads = (record: SpanRecord, group: ReturnType<typeof leadOf>): boolean => {
  const rank = rankOf(record);
  if (rank !== group.rank) return rank < group.rank;
  if (record.startedNs !== group.namedNs) return record.startedNs < group.namedNs;
  return record.spanId !== group.namedSpan && signed(record.spanId) < signed(group.namedSpan);
};
/** An id as the number that the database has for it. */
export const signed = (spanId: string): bigint => BigInt.asIntN(64, BigInt(`0x${spanId}`));

type ErrorSeen = { readonly ns: bigint; readonly message: string; readonly fingerprint: bigint | null };
const noError = (): ErrorSeen | null => null;
const errorOf = (record: SpanRecord): ErrorSeen => ({
  ns: record.startedNs,
  message: record.statusMessage,
  fingerprint: record.fingerprint,
});

const isEarlierError = (a: ErrorSeen, b: ErrorSeen): boolean => {
  if (a.ns !== b.ns) return a.ns < b.ns;
  const byText = compareTexts([a.message], [b.message]);
  return byText !== 0 ? byText < 0 : (a.fingerprint ?? 0n) < (b.fingerprint ?? 0n);
};

const addToTrace = (group: TraceGroup, { record, configHash }: Counted, end: bigint) => {
  if (leads(record, group)) Object.assign(group, leadOf(record, configHash));
  if (record.startedNs < group.startedNs) group.startedNs = record.startedNs;
  if (end > group.endedNs) group.endedNs = end;
  group.spanCount += 1;
  if (record.parentSpanId === null) group.rootCount += 1;
  if (record.request) group.requestCount += 1;
  if (record.type === 'MODEL') group.modelCalls += 1;
  if (record.type === 'TOOL') group.toolCalls += 1;
  addTokens(group, record);
  if (record.model !== null) group.models.add(record.model);
  group.session = lesser(group.session, record.session);
  group.run = lesser(group.run, record.run);
  if (record.status !== statusError) return;
  group.errorCount += 1;
  const error = errorOf(record);
  if (!group.error || isEarlierError(error, group.error)) group.error = error;
};

const lesser = (a: string | null, b: string | null): string | null => {
  if (a === b) return a;
  if (a === null || b === null) return a ?? b;
  return compareTexts([b], [a]) < 0 ? b : a;
};

const newBot = ({ source, configHash }: Counted, minute: number) => ({
  source,
  configHash,
  minute,
  requests: 0,
  errors: 0,
  spans: 0,
  modelCalls: 0,
  toolCalls: 0,
  latencyCounts: zeros(latencyBucketsMs.length + 1),
  durationNs: 0n,
  ...newTokens(),
});

const addToBot = (group: BotGroup, record: SpanRecord) => {
  group.spans += 1;
  if (record.type === 'MODEL') group.modelCalls += 1;
  if (record.type === 'TOOL') group.toolCalls += 1;
  addTokens(group, record);
  if (!record.request) return;
  group.requests += 1;
  if (record.status === statusError) group.errors += 1;
  count(group.latencyCounts, latencyBucketOf(record));
  group.durationNs += record.durationNs;
};

const newCall = ({ source, record, configHash }: Counted, minute: number, name: string) => ({
  source,
  configHash,
  minute,
  type: record.type,
  name,
  calls: 0,
  errors: 0,
  latencyCounts: zeros(latencyBucketsMs.length + 1),
  tokenCounts: zeros(tokenBuckets.length + 1),
  durationNs: 0n,
  ...newTokens(),
  cacheWriteTokens: 0,
  reasoningTokens: 0,
});

const addToCall = (group: CallGroup, record: SpanRecord) => {
  group.calls += 1;
  if (record.status === statusError) group.errors += 1;
  count(group.latencyCounts, latencyBucketOf(record));
  group.durationNs += record.durationNs;
  addTokens(group, record);
  group.cacheWriteTokens += record.tokens.cacheWrite;
  group.reasoningTokens += record.tokens.reasoning;
  if (record.type === 'MODEL') {
    count(group.tokenCounts, bucketOf(tokenBuckets, record.tokens.input + record.tokens.output));
  }
};

const newFailure = ({ source, record }: Counted, minute: number) => ({
  source,
  minute,
  count: 0,
  ...firstOf(record),
});
const firstOf = ({ startedNs, spanId, traceId, name, statusMessage }: SpanRecord) => ({
  startedNs,
  spanId,
  traceId,
  name,
  message: statusMessage,
});
const addToFailure = (group: FailureGroup, record: SpanRecord) => {
  group.count += 1;
  const isEarlier = record.startedNs < group.startedNs;
  if (isEarlier || (record.startedNs === group.startedNs && record.spanId < group.spanId)) {
    Object.assign(group, firstOf(record));
  }
};

/** What stands for a group is its latest error; of several at once, whichever says the most. */
const newErrorGroup = ({ source, record }: Counted, fingerprint: bigint) => ({
  source,
  fingerprint,
  count: 0,
  firstNs: record.startedNs,
  ...latestOf(record),
});
const latestOf = ({ startedNs, traceId, name, errorType, statusMessage }: SpanRecord) => ({
  lastNs: startedNs,
  traceId,
  name,
  errorType,
  message: statusMessage,
});
const addToErrors = (group: ErrorGroup, record: SpanRecord) => {
  group.count += 1;
  if (record.startedNs < group.firstNs) group.firstNs = record.startedNs;
  const latest = latestOf(record);
  if (isLater(latest, group)) Object.assign(group, latest);
};
const isLater = (a: ReturnType<typeof latestOf>, b: ReturnType<typeof latestOf>): boolean => {
  if (a.lastNs !== b.lastNs) return a.lastNs > b.lastNs;
  const [one, other] = [a, b].map((each) => [each.traceId, each.name, each.errorType, each.message]);
  return compareTexts(one ?? [], other ?? []) > 0;
};

/** In the order of their bytes, as the database has them under `collate "C"`. */
export const compareTexts = (a: readonly string[], b: readonly string[]): number => {
  for (const [place, text] of a.entries()) {
    const other = b[place] ?? '';
    if (text !== other) return Buffer.compare(Buffer.from(text), Buffer.from(other));
  }
  return 0;
};

const zeros = (length: number): number[] => Array.from({ length }, () => 0);
const count = (counts: number[], bucket: number) => {
  counts[bucket] = (counts[bucket] ?? 0) + 1;
};

/** The bucket that a value belongs to: bounds are upper ones, and belong to their own. */
const bucketOf = (bounds: readonly number[], value: number): number => {
  let bucket = 0;
  while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
  return bucket;
};
const latencyBoundsNs = latencyBucketsMs.map((ms) => ms * 1_000_000);
const latencyBucketOf = (record: SpanRecord): number => bucketOf(latencyBoundsNs, Number(record.durationNs));
