// What kind of work a span is, and the tokens it used. Sources: OpenTelemetry's GenAI conventions, old names and new,
// and the spans of OpenClaw 2026.4.29 (captured) and 2026.9 (its documentation).
import { SpanType } from '@molthub/contracts';
import { storable } from './attribute-json.ts';
import type { Attributes, WireSpan } from './otlp/wire-span.ts';

/** The attributes that anything is concluded from: others are only stored. */
export const promotedKeys: readonly string[] = [
  'molthub.span.type',
  'gen_ai.operation.name',
  'openclaw.skill',
  'gen_ai.tool.name',
  'openclaw.toolName',
  'gen_ai.response.model',
  'gen_ai.request.model',
  'openclaw.model',
  'gen_ai.usage.input_tokens',
  'gen_ai.usage.prompt_tokens',
  'gen_ai.usage.cache_read.input_tokens',
  'gen_ai.usage.cache_creation.input_tokens',
  'gen_ai.usage.output_tokens',
  'gen_ai.usage.completion_tokens',
  'gen_ai.usage.reasoning.output_tokens',
];

const byName = new Map<string, SpanType>([
  ['openclaw.run', 'REQUEST'],
  ['openclaw.harness.run', 'TASK'],
  ['openclaw.message.processed', 'TASK'],
  ['openclaw.model.call', 'MODEL'],
  ['openclaw.tool.execution', 'TOOL'],
  // Sums up the model calls of a run: counting it as one of them would count their tokens twice.
  ['openclaw.model.usage', 'OTHER'],
]);

const byOperation = new Map<string, SpanType>([
  ['chat', 'MODEL'],
  ['text_completion', 'MODEL'],
  ['generate_content', 'MODEL'],
  ['embeddings', 'MODEL'],
  ['execute_tool', 'TOOL'],
  ['invoke_agent', 'TASK'],
  ['create_agent', 'TASK'],
  ['invoke_workflow', 'TASK'],
  ['plan', 'TASK'],
]);

const kindServer = 2;
const kindConsumer = 5;
const hasRemoteFlag = 0x100;
const isRemoteFlag = 0x200;

/**
 * The type that a span states itself (`molthub.span.type`), or that follows from its name, its GenAI operation or its
 * kind; `OTHER` where nothing says. A span that serves a caller (SERVER, CONSUMER) is a request.
 */
export const typeOf = (span: Pick<WireSpan, 'name' | 'kind' | 'attributes' | 'parentSpanId'>): SpanType => {
  const stated = SpanType.options.find((type) => type === span.attributes.get('molthub.span.type'));
  if (stated) return stated;
  const named = byName.get(span.name);
  if (named) return named;
  const operation = span.attributes.get('gen_ai.operation.name');
  const operated = typeof operation === 'string' ? byOperation.get(operation) : undefined;
  // An agent that nobody's span called was called by a user.
  if (operated === 'TASK' && span.parentSpanId === '') return 'REQUEST';
  if (operated) return operated;
  if (span.attributes.has('openclaw.skill') || span.name.startsWith('openclaw.skill.')) return 'SKILL';
  if (span.attributes.has('gen_ai.tool.name')) return 'TOOL';
  return span.kind === kindServer || span.kind === kindConsumer ? 'REQUEST' : 'OTHER';
};

/**
 * Whether a span is one request to the bot: of type REQUEST with no parent in the bot itself. OpenClaw's own run is one
 * wherever it hangs, since newer versions wrap it in spans for the message and the harness.
 */
export const isRequest = (type: SpanType, span: Pick<WireSpan, 'name' | 'parentSpanId' | 'flags'>): boolean => {
  if (type !== 'REQUEST') return false;
  const remoteParent = (span.flags & hasRemoteFlag) !== 0 && (span.flags & isRemoteFlag) !== 0;
  return span.name === 'openclaw.run' || span.parentSpanId === '' || remoteParent;
};

/** `input` is the total, what was read from or written to a cache included. */
export type Tokens = {
  readonly input: number;
  readonly cached: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
};

/** Tokens of a model call; other spans only repeat what their model calls said. Unknown is 0. */
export const tokensOf = (type: SpanType, attributes: Attributes): Tokens =>
  type === 'MODEL'
    ? {
        input: count(attributes, 'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens'),
        cached: count(attributes, 'gen_ai.usage.cache_read.input_tokens'),
        cacheWrite: count(attributes, 'gen_ai.usage.cache_creation.input_tokens'),
        output: count(attributes, 'gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens'),
        reasoning: count(attributes, 'gen_ai.usage.reasoning.output_tokens'),
      }
    : none;
const none: Tokens = { input: 0, cached: 0, cacheWrite: 0, output: 0, reasoning: 0 };

const nameCharsMax = 256;
const textOf = (attributes: Attributes, ...names: readonly string[]): string | null => {
  for (const name of names) {
    const value = attributes.get(name);
    if (typeof value === 'string' && value !== '') return storable(value, nameCharsMax);
  }
  return null;
};

/** The model that a call used, or else asked for. */
export const modelOf = (type: SpanType, attributes: Attributes): string | null =>
  type === 'MODEL' ? textOf(attributes, 'gen_ai.response.model', 'gen_ai.request.model', 'openclaw.model') : null;

/** The tool that was called. */
export const toolOf = (type: SpanType, { name, attributes }: Pick<WireSpan, 'name' | 'attributes'>): string | null =>
  type === 'TOOL'
    ? (textOf(attributes, 'gen_ai.tool.name', 'openclaw.toolName') ?? storable(name, nameCharsMax))
    : null;

/** No call uses more; sums of any number of lies stay exact. */
const tokensMax = 1_000_000_000;

const count = (attributes: Attributes, ...names: readonly string[]): number => {
  for (const name of names) {
    const value = attributes.get(name);
    if (typeof value !== 'number' && typeof value !== 'bigint') continue;
    const tokens = Number(value);
    return tokens > 0 ? Math.min(Math.trunc(tokens), tokensMax) : 0;
  }
  return 0;
};
