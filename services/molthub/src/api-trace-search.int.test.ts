// Looking for traces, and at large and odd ones, through the real door and the real API.
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ApiUnderTest } from './api-under-test.ts';
import { newSpanId, newTraceId, type SendingBot, type SentSpan, withTraces } from './traces-under-test.ts';

const door = withTraces();
let api: ApiUnderTest;
let anna: SendingBot;
let berta: SendingBot;
const now = Date.now();
const traces = Array.from({ length: 30 }, newTraceId);

const Items = z.object({
  items: z.array(z.object({ traceId: z.string() }).loose()),
  nextCursor: z.string().nullable(),
});
const search = async (query: string) => {
  const answer = await api.call('GET', `/api/v1/traces/search?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return Items.parse(answer.body);
};
/** Numbers of the traces found, in the order of the answer. */
const found = async (query: string) => (await search(query)).items.map(({ traceId }) => traces.indexOf(traceId));

/** Trace n began n minutes ago, took n × 100 ms, and its tool has the attribute step = n. */
const spansOf = (n: number): readonly SentSpan[] => {
  const [root, tool] = [newSpanId(), newSpanId()];
  const traceId = traces[n] ?? '';
  const startMs = now - n * 60_000;
  const failed = n % 10 === 3;
  return [
    {
      traceId,
      spanId: root,
      name: 'openclaw.run',
      startMs,
      durationMs: n * 100,
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.conversation.id': `talk-${n % 3}` },
      ...(failed ? { error: `Upstream said 500% no_${n}` } : {}),
    },
    {
      traceId,
      spanId: tool,
      parentSpanId: root,
      name: `tool ${n % 2}`,
      startMs: startMs + 1,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        step: n,
        text: String(n),
        even: n % 2 === 0,
        ratio: n / 2,
      },
    },
  ];
};

beforeAll(async () => {
  api = door.api();
  [anna, berta] = [await door.bot('anna'), await door.bot('berta')];
  await anna.send(traces.slice(0, 20).flatMap((_, n) => spansOf(n)));
  await berta.send(traces.slice(20).flatMap((_, n) => spansOf(n + 20)));
});

const all = Array.from({ length: 30 }, (_, n) => n);

describe('a search', () => {
  test('without conditions answers the last day, newest first', async () => {
    expect(await found('')).toEqual(all);
    expect(await found(`to=${new Date(now - 5 * 60_000 - 1).toISOString()}`)).toEqual(all.slice(6));
    expect(await found(`from=${new Date(now - 5 * 60_000 - 1).toISOString()}`)).toEqual(all.slice(0, 6));
  });

  test.each([
    ['attribute.step=7', [7]],
    ['attribute.text=7', [7]],
    ['attribute.ratio=3.5', [7]],
    ['attribute.even=true&spanName=tool 0', all.filter((n) => n % 2 === 0)],
    ['attribute.step=7&attribute.even=false', [7]],
    ['attribute.step=7&attribute.even=true', []],
    ['attribute.step=8&spanName=openclaw.run', []],
    ['attribute.nosuch=7', []],
    ['minDurationMs=2700', [27, 28, 29]],
    ['minDurationMs=500&maxDurationMs=700', [5, 6, 7]],
    ['status=ERROR', [3, 13, 23]],
    ['hasErrors=true', [3, 13, 23]],
    ['hasErrors=false&maxDurationMs=400', [0, 1, 2, 4]],
    ['errorText=UPSTREAM SAID 500%25', [3, 13, 23]],
    ['errorText=no_13', [13]],
    ['errorText=no%25', []],
    ['spanType=TOOL&name=openclaw.run&minDurationMs=2900', [29]],
    ['session=talk-1&maxDurationMs=800', [1, 4, 7]],
    ['minCostUsd=1000', []],
    ['model=nosuch', []],
    ['state=RUNNING', []],
  ])('%s', async (query, expected) => expect(await found(query)).toEqual(expected));

  test('by bot and by fleet', async () => {
    expect(await found(`botInstanceId=${anna.botId}`)).toEqual(all.slice(0, 20));
    expect(await found(`fleetId=${berta.fleetId}&status=ERROR`)).toEqual([23]);
  });

  test('goes on after a page until everything was seen once', async () => {
    const seen: number[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null; pages += 1) {
      const page: z.infer<typeof Items> = await search(`attribute.even=true&limit=4${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.items.map(({ traceId }) => traces.indexOf(traceId)));
      cursor = page.nextCursor;
      expect(pages).toBeLessThan(5);
    }
    expect(seen).toEqual(all.filter((n) => n % 2 === 0));
  });

  test.each([
    ['nosuch=1', 'nosuch'],
    ['attribute.=1', 'attribute.'],
    ['attribute.a=%00', 'attribute.a'],
    ['attribute.%00=1', 'attribute.\0'],
    ['attribute.a=1&attribute.a=2', 'attribute.a'],
    [`attribute.a=${'x'.repeat(1_001)}`, 'attribute.a'],
    [
      all
        .slice(0, 9)
        .map((n) => `attribute.k${n}=1`)
        .join('&'),
      'attribute.',
    ],
    ['minDurationMs=-1', 'minDurationMs'],
    ['minDurationMs=5&maxDurationMs=4', 'minDurationMs'],
    ['from=2026-01-01T00:00:00Z&to=2026-02-02T00:00:00Z', 'from'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['limit=501', 'limit'],
    [`errorText=${'x'.repeat(201)}`, 'errorText'],
  ])('%s is refused and names the field', async (query, field) => {
    const answer = await api.call('GET', `/api/v1/traces/search?${query}`);
    expect([answer.status, answer.body['code']], answer.text).toEqual([400, 'gateway.invalid-request']);
    expect(answer.body['errors']).toMatchObject([{ path: field }]);
  });

  test('a cursor of another question is refused', async () => {
    const { nextCursor } = await search('limit=1');
    const other = await api.call('GET', `/api/v1/traces/search?limit=1&status=ERROR&cursor=${nextCursor}`);
    expect(other).toMatchObject({ status: 400, body: { code: 'gateway.invalid-cursor' } });
  });
});

test('a key for one fleet finds the traces of its bots only', async () => {
  const made = await api.call('POST', '/api/v1/api-keys', {
    body: { name: 'berta', role: 'VIEWER', fleetIds: [berta.fleetId] },
  });
  const key = z.string().parse(made.body['key']);
  const of = async (path: string) =>
    z
      .object({ items: z.array(z.object({ botInstanceId: z.string() })) })
      .parse((await api.call('GET', `/api/v1/traces${path}`, { key })).body)
      .items.map(({ botInstanceId }) => botInstanceId);
  for (const path of ['', '/search', '/sessions', '/errors']) {
    expect(new Set(await of(path)), path).toEqual(new Set([berta.botId]));
  }
});

test('sessions add up what their traces did', async () => {
  const listed = await api.call('GET', `/api/v1/traces/sessions?botInstanceId=${anna.botId}&limit=2`);
  expect(listed).toMatchObject({
    status: 200,
    body: {
      items: [
        { session: 'talk-0', traces: 7, errorSpans: 1, errors: 1, requests: 7, toolCalls: 7 },
        { session: 'talk-1', traces: 7, errors: 1 },
      ],
    },
  });
  const rest = await api.call(
    'GET',
    `/api/v1/traces/sessions?botInstanceId=${anna.botId}&limit=2&cursor=${String(listed.body['nextCursor'])}`,
  );
  expect(rest).toMatchObject({ body: { items: [{ session: 'talk-2', traces: 6 }], nextCursor: null } });
});

test('errors are listed once for what differs in numbers only, and found by their text', async () => {
  const listed = await api.call('GET', `/api/v1/traces/errors?text=UPSTREAM&botInstanceId=${anna.botId}`);
  expect(listed).toMatchObject({ status: 200, body: { total: 1, items: [{ count: 2, traceId: traces[3] }] } });
  expect(await api.call('GET', '/api/v1/traces/errors?text=nosuch')).toMatchObject({ body: { total: 0 } });
});

test('the list of traces filters by session and shows state, cost and models', async () => {
  const listed = await api.call('GET', `/api/v1/traces?session=talk-0&botInstanceId=${anna.botId}&limit=1`);
  expect(listed).toMatchObject({
    status: 200,
    body: {
      total: 7,
      items: [
        { traceId: traces[0], session: 'talk-0', state: 'ENDED', costUsd: 0, models: [], toolCalls: 1, error: null },
      ],
    },
  });
});

describe('the tree of', () => {
  const chain = (traceId: string, length: number, close: boolean): readonly SentSpan[] =>
    Array.from({ length }, (_, n) => ({
      traceId,
      spanId: (n + 1).toString(16).padStart(16, '0'),
      ...(n === 0 && !close ? {} : { parentSpanId: (n === 0 ? length : n).toString(16).padStart(16, '0') }),
      startMs: now - 30_000 + n,
    }));
  const Flat = z.object({
    spanCount: z.int(),
    state: z.string(),
    spans: z.array(z.object({ spanId: z.string(), isOrphan: z.boolean() }).loose()),
  });
  const flat = async (traceId: string) =>
    Flat.parse((await api.call('GET', `/api/v1/traces/by-trace-id/${traceId}/tree?shape=flat&attributes=none`)).body);
  const stored = async (spans: readonly SentSpan[]) => {
    for (let from = 0; from < spans.length; from += 2_000) await anna.send(spans.slice(from, from + 2_000));
  };

  test('a chain of 10,000 spans is whole, nested and flat', async () => {
    const traceId = newTraceId();
    await stored(chain(traceId, 10_000, false));
    const { spanCount, spans, state } = await flat(traceId);
    expect([spanCount, spans.length, state]).toEqual([10_000, 10_000, 'ENDED']);
    const nested = await api.call('GET', `/api/v1/traces/by-trace-id/${traceId}/tree`);
    expect(nested.status).toBe(200);
    expect(nested.text.match(/"spanId"/g)).toHaveLength(10_000);
  });

  test('10,000 calls of one run has them all', async () => {
    const traceId = newTraceId();
    const root = newSpanId();
    const calls = Array.from({ length: 9_999 }, (_, n) => ({
      traceId,
      spanId: newSpanId(),
      parentSpanId: root,
      name: 'execute_tool',
      startMs: now - 20_000 + n,
      attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'read', n },
    }));
    await stored([
      { traceId, spanId: root, name: 'openclaw.run', startMs: now - 20_001, durationMs: 11_000 },
      ...calls,
    ]);
    const { spanCount, spans } = await flat(traceId);
    expect([spanCount, spans.length]).toEqual([10_000, 10_000]);
  });

  test('a circle has every span once, and no orphan', async () => {
    const traceId = newTraceId();
    await stored(chain(traceId, 50, true));
    const { spans } = await flat(traceId);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(50);
    expect(spans.some(({ isOrphan }) => isOrphan)).toBe(false);
  });

  test('spans whose root has not come runs, and says which are orphans', async () => {
    const traceId = newTraceId();
    const [child, grandchild] = [newSpanId(), newSpanId()];
    await stored([
      { traceId, spanId: child, parentSpanId: newSpanId(), startMs: now },
      { traceId, spanId: grandchild, parentSpanId: child, startMs: now + 1 },
    ]);
    const { state, spans } = await flat(traceId);
    expect(state).toBe('RUNNING');
    expect(spans.map(({ spanId, isOrphan }) => [spanId, isOrphan])).toEqual([
      [child, true],
      [grandchild, false],
    ]);
  });
});

test.each([
  ['/traces?state=GONE', 'state', 'must be one of RUNNING, ENDED, ORPHANED'],
  ['/traces?limit=x', 'limit', 'must be a number from 1 to 500'],
  ['/traces/search?from=yesterday', 'from', 'must be a time, such as 2026-11-27T10:00:00Z'],
  ['/traces/search?minCostUsd=-1', 'minCostUsd', 'must be a number, such as 250 or 0.05'],
  ['/traces/search?name=', 'name', 'must have at least 1 character'],
  [
    '/traces/sessions?botInstanceId=anna',
    'botInstanceId',
    'must be a UUID, such as 0193a000-0000-7000-8000-000000000001',
  ],
  ['/traces/errors?fingerprint=x', 'fingerprint', 'must be 16 hexadecimal digits'],
  [`/traces/compare?hash=a&hash=sha256:${'0'.repeat(64)}`, 'hash.0', 'must be sha256: and 64 hexadecimal digits'],
  ['/traces/by-trace-id/x', 'traceId', 'must be 32 hexadecimal digits'],
  ['/traces/by-trace-id/x/tree?shape=round', 'traceId', 'must be 32 hexadecimal digits'],
])('%s is refused with the field and what to do', async (path, field, message) => {
  const answer = await api.call('GET', `/api/v1${path}`);
  expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: field, message }] } });
  expect(String(answer.body['detail'])).toContain(`${field}: ${message}`);
});
