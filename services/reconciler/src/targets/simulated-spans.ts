// The telemetry of simulated bots: real OTLP/JSON over HTTP, one request per bot and flush, each with that bot's token.
import { createHash, randomBytes } from 'node:crypto';
import { roll, type SimulatedBot } from './simulated-bot.ts';

export type SpanExporter = {
  /** Adds the spans of one request that this bot has just answered. */
  readonly answered: (bot: SimulatedBot, now: number) => void;
  readonly flush: () => Promise<void>;
  readonly counts: () => { readonly sent: number; readonly dropped: number; readonly waiting: number };
  readonly close: () => Promise<void>;
};

export type SpanExporterSettings = {
  /** Base of the OTLP endpoint; `/v1/traces` is added. */
  readonly otlpUrl: string;
  readonly tokenOf: (bot: SimulatedBot) => Promise<string>;
  readonly flushEveryMs?: number;
  /** Told why spans could not be delivered. */
  readonly failed: (error: unknown) => void;
};

type Span = Record<string, unknown>;
type Batch = { readonly bot: SimulatedBot; spans: Span[] };

/** An ingest that is down must not fill the memory: what does not fit is dropped and counted. */
const spansPerBotMax = 512;
const spansMax = 20_000;
const postsAtOnce = 16;
const postTimeoutMs = 10_000;

export const createSpanExporter = (settings: SpanExporterSettings): SpanExporter => {
  const url = new URL('v1/traces', settings.otlpUrl.endsWith('/') ? settings.otlpUrl : `${settings.otlpUrl}/`).href;
  let batches = new Map<string, Batch>();
  let waiting = 0;
  let sent = 0;
  let dropped = 0;
  let isClosing = false;
  let timer: NodeJS.Timeout | null = null;
  let flushing: Promise<void> = Promise.resolve();

  const keep = (bot: SimulatedBot, spans: readonly Span[]) => {
    const batch = batches.get(bot.botId) ?? { bot, spans: [] };
    const room = Math.min(spansPerBotMax - batch.spans.length, spansMax - waiting);
    const kept = spans.slice(0, Math.max(room, 0));
    dropped += spans.length - kept.length;
    waiting += kept.length;
    batch.spans.push(...kept);
    batches.set(bot.botId, batch);
  };
  const post = async ({ bot, spans }: Batch) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await settings.tokenOf(bot)}` },
      body: JSON.stringify(exportOf(bot, spans)),
      redirect: 'error',
      signal: AbortSignal.timeout(postTimeoutMs),
    });
    await response.arrayBuffer();
    if (response.ok) return true;
    if (response.status === 503 || response.status === 429)
      throw new Error(`the OTLP endpoint answered ${response.status}`);
    settings.failed(new Error(`the OTLP endpoint refused spans with ${response.status}`));
    return false;
  };
  const drain = async () => {
    const due = [...batches.values()];
    batches = new Map();
    waiting = 0;
    const worker = async () => {
      for (let batch = due.shift(); batch; batch = due.shift()) {
        try {
          if (await post(batch)) sent += batch.spans.length;
          else dropped += batch.spans.length;
        } catch (error) {
          // At the stop of everything the ingest may be gone first; nobody has to be told of that.
          if (!isClosing) settings.failed(error);
          keep(batch.bot, batch.spans);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(postsAtOnce, due.length) }, worker));
  };
  const flush = () => {
    flushing = flushing.then(drain);
    return flushing;
  };
  return {
    answered: (bot, now) => {
      keep(bot, requestSpans(bot, now));
      timer ??= setTimeout(() => {
        timer = null;
        void flush();
      }, settings.flushEveryMs ?? 2_000);
    },
    flush,
    counts: () => ({ sent, dropped, waiting }),
    close: async () => {
      isClosing = true;
      if (timer) clearTimeout(timer);
      await flush();
    },
  };
};

/** request → model call → tool call, ended at `now`, as an instrumented bot would report it. */
export const requestSpans = (bot: SimulatedBot, now: number): readonly Span[] => {
  const { latencyMs, errorRate, tokensPerRequest } = bot.simulation;
  const tookMs = latencyMs * (0.5 + roll(bot));
  const isError = roll(bot) < errorRate;
  const traceId = randomBytes(16).toString('hex');
  const [root, model, tool] = [0, 1, 2].map(() => randomBytes(8).toString('hex'));
  const startMs = now - tookMs;
  const at = (share: number) => nanoseconds(startMs + tookMs * share);
  const status = isError ? { code: 2, message: 'simulated: the model call failed' } : { code: 1 };
  const inputTokens = Math.round(tokensPerRequest * 0.8);
  return [
    {
      traceId,
      spanId: root,
      name: 'simulated.request',
      kind: 2,
      startTimeUnixNano: at(0),
      endTimeUnixNano: at(1),
      status,
      attributes: [text('molthub.request', 'simulated')],
    },
    {
      traceId,
      spanId: model,
      parentSpanId: root,
      name: 'chat simulated-1',
      kind: 3,
      startTimeUnixNano: at(0.05),
      endTimeUnixNano: at(0.95),
      status,
      attributes: [
        text('gen_ai.operation.name', 'chat'),
        text('gen_ai.provider.name', 'simulated'),
        text('gen_ai.request.model', 'simulated-1'),
        integer('gen_ai.usage.input_tokens', inputTokens),
        integer('gen_ai.usage.output_tokens', tokensPerRequest - inputTokens),
        ...(isError ? [text('error.type', 'simulated')] : []),
      ],
    },
    {
      traceId,
      spanId: tool,
      parentSpanId: model,
      name: 'execute_tool lookup',
      kind: 1,
      startTimeUnixNano: at(0.4),
      endTimeUnixNano: at(0.6),
      status: { code: 1 },
      attributes: [text('gen_ai.operation.name', 'execute_tool'), text('gen_ai.tool.name', 'lookup')],
    },
  ];
};

const exportOf = (bot: SimulatedBot, spans: readonly Span[]) => ({
  resourceSpans: [
    {
      resource: {
        attributes: [
          text('service.name', bot.name),
          text('service.instance.id', bot.botId),
          { key: 'molthub.simulated', value: { boolValue: true } },
        ],
      },
      scopeSpans: [{ scope: { name: 'molthub.simulator' }, spans }],
    },
  ],
});

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const integer = (key: string, value: number) => ({ key, value: { intValue: String(value) } });
const nanoseconds = (ms: number) => String(BigInt(Math.round(ms * 1_000)) * 1_000n);

/** Ids that are the same for a bot and a day, so that a token that is signed again is the same token. */
export const tokenIdOf = (botId: string, day: string): string => {
  const bytes = createHash('sha256').update(`${botId} ${day}`).digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.subarray(0, 16).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};
