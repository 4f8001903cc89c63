// What a span says it used: model, tool, tokens, session and run, under whatever names its convention has for them.
import type { SpanType } from '@molthub/contracts';
import { storable } from './attribute-json.ts';
import type { Attributes, WireSpan } from './otlp/wire-span.ts';

// Of each list the first that is there counts: the newest convention before older ones.
const keys = {
  model: [
    'gen_ai.response.model',
    'gen_ai.request.model',
    'llm.model_name',
    'embedding.model_name',
    'llm.response.model',
    'llm.request.model',
    'ai.model.id',
    'openclaw.model',
  ],
  tool: ['gen_ai.tool.name', 'tool.name', 'traceloop.entity.name', 'ai.toolCall.name', 'openclaw.toolName'],
  /** The total, with what was read from or written to a cache. */
  input: [
    'gen_ai.usage.input_tokens',
    'gen_ai.usage.prompt_tokens',
    'llm.token_count.prompt',
    'llm.usage.prompt_tokens',
    'ai.usage.inputTokens',
    'ai.usage.promptTokens',
  ],
  /** Without what was read from or written to a cache. */
  uncachedInput: ['openclaw.tokens.input'],
  cached: [
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_read_input_tokens',
    'gen_ai.usage.cache_read_tokens',
    'gen_ai.usage.cached_tokens',
    'llm.token_count.prompt_details.cache_read',
    'llm.usage.cache_read_input_tokens',
    'ai.usage.cachedInputTokens',
    'openclaw.tokens.cache_read',
  ],
  cacheWrite: [
    'gen_ai.usage.cache_creation.input_tokens',
    'gen_ai.usage.cache_creation_input_tokens',
    'gen_ai.usage.cache_write_tokens',
    'llm.token_count.prompt_details.cache_write',
    'llm.usage.cache_creation_input_tokens',
    'openclaw.tokens.cache_write',
  ],
  output: [
    'gen_ai.usage.output_tokens',
    'gen_ai.usage.completion_tokens',
    'llm.token_count.completion',
    'llm.usage.completion_tokens',
    'ai.usage.outputTokens',
    'ai.usage.completionTokens',
    'openclaw.tokens.output',
  ],
  reasoning: [
    'gen_ai.usage.reasoning.output_tokens',
    'gen_ai.usage.reasoning_tokens',
    'llm.token_count.completion_details.reasoning',
    'llm.usage.reasoning_tokens',
    'ai.usage.reasoningTokens',
    'openclaw.tokens.reasoning',
  ],
  session: [
    'gen_ai.conversation.id',
    'session.id',
    'openclaw.sessionKey',
    'openclaw.session_key',
    'openclaw.session.key',
    'openclaw.sessionId',
    'openclaw.session_id',
    'traceloop.association.properties.session_id',
  ],
  run: ['openclaw.runId', 'openclaw.run_id', 'openclaw.run.id'],
  error: ['error.type', 'exception.type', 'openclaw.errorCategory'],
} as const;

export const usageKeys: readonly string[] = Object.values(keys).flat();

/** `input` is the total, what was read from or written to a cache included. */
export type Tokens = {
  readonly input: number;
  readonly cached: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
};

const none: Tokens = { input: 0, cached: 0, cacheWrite: 0, output: 0, reasoning: 0 };

/** Tokens of a model call; other spans only repeat what their model calls said. Unknown is 0. */
export const tokensOf = (type: SpanType, attributes: Attributes): Tokens => {
  if (type !== 'MODEL') return none;
  const stated = count(attributes, keys.input);
  const cached = count(attributes, keys.cached) ?? 0;
  const cacheWrite = count(attributes, keys.cacheWrite) ?? 0;
  const output = count(attributes, keys.output) ?? 0;
  const reasoning = count(attributes, keys.reasoning) ?? 0;
  const apart = cached + cacheWrite;
  // A total is never less than its parts: who says less means what came from no cache.
  const isTotal = stated !== null && stated >= apart;
  const input = isTotal ? stated : (stated ?? count(attributes, keys.uncachedInput) ?? 0) + apart;
  return { input: Math.min(input, tokensMax), cached, cacheWrite, output, reasoning };
};

const nameCharsMax = 256;
const textOf = (attributes: Attributes, names: readonly string[]): string | null => {
  for (const name of names) {
    const value = attributes.get(name);
    if (typeof value === 'string' && value !== '') return storable(value, nameCharsMax);
  }
  return null;
};

/** The model that a call used, or else asked for. */
export const modelOf = (type: SpanType, attributes: Attributes): string | null =>
  type === 'MODEL' ? textOf(attributes, keys.model) : null;

/** The tool that was called. */
export const toolOf = (type: SpanType, { name, attributes }: Pick<WireSpan, 'name' | 'attributes'>): string | null =>
  type === 'TOOL' ? (textOf(attributes, keys.tool) ?? storable(name, nameCharsMax)) : null;

/** The conversation that it belongs to. */
export const sessionOf = (attributes: Attributes): string | null => textOf(attributes, keys.session);

/** What traces share that are of one run. */
export const runOf = (attributes: Attributes): string | null => textOf(attributes, keys.run);

/** The class of its error; '' where it says none. */
export const errorTypeOf = (attributes: Attributes): string => textOf(attributes, keys.error) ?? '';

/** No call uses more; sums of any number of lies stay exact. */
const tokensMax = 1_000_000_000;

const count = (attributes: Attributes, names: readonly string[]): number | null => {
  for (const name of names) {
    const value = attributes.get(name);
    if (typeof value !== 'number' && typeof value !== 'bigint') continue;
    const tokens = Number(value);
    return tokens > 0 ? Math.min(Math.trunc(tokens), tokensMax) : 0;
  }
  return null;
};
