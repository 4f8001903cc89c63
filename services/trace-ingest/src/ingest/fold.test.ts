// Folding comes to the same in any order, and parts that were folded apart add up to the whole.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Counted, fold, type Folded } from './fold.ts';

const tokens = fc.nat(5_000);
const text = (...some: readonly string[]) => fc.constantFrom(null, ...some);
const ms = 1_000_000n;
const arbitrary = fc.record({
  bot: fc.nat(1),
  trace: fc.nat(2),
  isRoot: fc.boolean(),
  request: fc.boolean(),
  type: fc.constantFrom('REQUEST', 'TOOL', 'MODEL', 'OTHER'),
  status: fc.nat(2),
  message: fc.constantFrom('', 'no luck', 'no disk', 'ähm', '😀', '\uffee'),
  startedMs: fc.nat(150_000),
  durationMs: fc.constantFrom(0, 10, 11, 60_000, 90_000),
  model: text('gpt-5', 'Z', '😀'),
  tool: text('exec', 'read'),
  session: text('a', 'Z', 'ä', '\uffee', '😀'),
  run: text('r1', 'R2'),
  input: tokens,
  cached: tokens,
  output: tokens,
  cost: fc.option(fc.bigInt(0n, 10n ** 14n)),
  fingerprint: fc.option(fc.bigInt(0n, 2n)),
  configHash: fc.constantFrom('', 'sha256:a'),
});

const spanOf = (one: typeof arbitrary extends fc.Arbitrary<infer T> ? T : never, place: number): Counted => ({
  source: { workspace: 'default', botId: `bot ${one.bot}`, fleetId: null, simulated: false },
  configHash: one.configHash,
  record: {
    traceId: `trace ${one.trace}`,
    // Also ids that are negative as the database has them.
    spanId: (BigInt(place % 2) * 2n ** 63n + BigInt(place)).toString(16).padStart(16, '0'),
    parentSpanId: one.isRoot ? null : 'f'.repeat(16),
    name: `step ${place % 3}`,
    type: one.type,
    kind: 1,
    status: one.status,
    statusMessage: one.message,
    startedNs: BigInt(one.startedMs) * ms,
    durationNs: BigInt(one.durationMs) * ms,
    request: one.request,
    flags: 0,
    model: one.model,
    tool: one.tool,
    tokens: { input: one.input, cached: one.cached, cacheWrite: 0, output: one.output, reasoning: 0 },
    costPico: one.cost,
    session: one.session,
    run: one.run,
    fingerprint: one.fingerprint,
    errorType: '',
    surroundings: { resource: '{}', scope: '', rest: null },
    body: { columns: Buffer.alloc(0), content: null },
  },
});
const spans = fc.array(arbitrary, { minLength: 1, maxLength: 60 }).map((all) => all.map(spanOf));

const plain = (_: string, value: unknown) => {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Set ? [...value].map(String).toSorted() : value;
};
/** Groups have no order either. */
const said = (folded: Folded) =>
  Object.entries(folded).map(([kind, groups]) => [
    kind,
    groups.map((group) => JSON.stringify(group, plain)).toSorted(),
  ]);

test('any order comes to the same', () => {
  fc.assert(
    fc.property(
      spans.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        expect(said(fold(shuffled))).toEqual(said(fold(all)));
      },
    ),
  );
});

/** What is counted of each group, over all parts. */
const sums = (parts: readonly Folded[]) => {
  const totals = new Map<string, bigint>();
  const add = (key: string, counts: Readonly<Record<string, number | bigint | readonly number[]>>) => {
    for (const [name, count] of Object.entries(counts)) {
      for (const [place, one] of (typeof count === 'object' ? count : [count]).entries()) {
        const counted = `${key} ${name} ${place}`;
        totals.set(counted, (totals.get(counted) ?? 0n) + BigInt(one));
      }
    }
  };
  for (const { traces, bots, calls, failures, errors } of parts) {
    for (const { source, traceId, spanCount, errorCount, rootCount, requestCount, costPico, inputTokens } of traces) {
      add(`${source.botId} ${traceId}`, { spanCount, errorCount, rootCount, requestCount, costPico, inputTokens });
    }
    for (const {
      source,
      configHash,
      minute,
      requests,
      spans: count,
      latencyCounts,
      durationNs,
      unpricedCalls,
    } of bots) {
      add(`${source.botId} ${configHash} ${minute}`, { requests, count, latencyCounts, durationNs, unpricedCalls });
    }
    for (const { source, configHash, minute, type, name, latencyCounts, tokenCounts, costPico } of calls) {
      add(`${source.botId} ${configHash} ${minute} ${type} ${name}`, { latencyCounts, tokenCounts, costPico });
    }
    for (const { source, minute, count } of failures) add(`failures ${source.botId} ${minute}`, { count });
    for (const { source, fingerprint, count } of errors) add(`errors ${source.botId} ${fingerprint}`, { count });
  }
  return totals;
};

test('parts that were folded apart add up to the whole', () => {
  fc.assert(
    fc.property(spans, fc.integer({ min: 1, max: 7 }), (all, size) => {
      const parts = Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
        fold(all.slice(i * size, (i + 1) * size)),
      );
      expect(sums(parts)).toEqual(sums([fold(all)]));
    }),
  );
});
