// What kind of work a span is. Sources: OpenTelemetry's GenAI conventions, old names and new, OpenInference, OpenLLMetry,
// Vercel's AI SDK, and the spans of OpenClaw 2026.4.29 (captured), 2026.9 (its documentation) and its plugins.
import { SpanType } from '@molthub/contracts';
import type { Attributes, WireSpan } from './otlp/wire-span.ts';
import { usageKeys } from './usage.ts';

const byName = new Map<string, SpanType>([
  ['openclaw.run', 'REQUEST'],
  ['openclaw.harness.run', 'TASK'],
  ['openclaw.message.processed', 'TASK'],
  ['openclaw.agent.turn', 'TASK'],
  ['openclaw.model.call', 'MODEL'],
  ['openclaw.tool.execution', 'TOOL'],
  // Sums up the model calls of a run: counting it as one of them would count their tokens twice.
  ['openclaw.model.usage', 'OTHER'],
  ['ai.generateText.doGenerate', 'MODEL'],
  ['ai.streamText.doStream', 'MODEL'],
  ['ai.generateObject.doGenerate', 'MODEL'],
  ['ai.streamObject.doStream', 'MODEL'],
  ['ai.embed.doEmbed', 'MODEL'],
  ['ai.embedMany.doEmbed', 'MODEL'],
  ['ai.toolCall', 'TOOL'],
]);

/** `gen_ai.operation.name`. Retrieval and memory are asked of a store, not of a model. */
const byOperation = new Map<string, SpanType>([
  ['chat', 'MODEL'],
  ['completion', 'MODEL'],
  ['text_completion', 'MODEL'],
  ['generate_content', 'MODEL'],
  ['embeddings', 'MODEL'],
  ['execute_tool', 'TOOL'],
  ['retrieval', 'TOOL'],
  ['create_memory', 'TOOL'],
  ['search_memory', 'TOOL'],
  ['update_memory', 'TOOL'],
  ['upsert_memory', 'TOOL'],
  ['delete_memory', 'TOOL'],
  ['create_memory_store', 'TOOL'],
  ['delete_memory_store', 'TOOL'],
  ['invoke_agent', 'TASK'],
  ['create_agent', 'TASK'],
  ['invoke_workflow', 'TASK'],
  ['plan', 'TASK'],
]);

/** `openinference.span.kind`. */
const byOpenInference = new Map<string, SpanType>([
  ['LLM', 'MODEL'],
  ['EMBEDDING', 'MODEL'],
  ['RERANKER', 'MODEL'],
  ['TOOL', 'TOOL'],
  ['RETRIEVER', 'TOOL'],
  ['AGENT', 'TASK'],
  ['CHAIN', 'TASK'],
]);

/** `traceloop.span.kind`; its calls of models have `llm.request.type` instead. */
const byTraceloop = new Map<string, SpanType>([
  ['workflow', 'TASK'],
  ['agent', 'TASK'],
  ['task', 'TASK'],
  ['tool', 'TOOL'],
]);
const byRequestType = new Map<string, SpanType>([
  ['chat', 'MODEL'],
  ['completion', 'MODEL'],
  ['embedding', 'MODEL'],
  ['rerank', 'MODEL'],
]);

/** In the order in which they are asked. */
const byAttribute: readonly (readonly [string, ReadonlyMap<string, SpanType>])[] = [
  ['gen_ai.operation.name', byOperation],
  ['openinference.span.kind', byOpenInference],
  ['traceloop.span.kind', byTraceloop],
  ['llm.request.type', byRequestType],
];

/** The keys that say anything here or in `usage.ts`: no other attribute need be there. */
export const promotedKeys: readonly string[] = [
  'molthub.span.type',
  ...byAttribute.map(([key]) => key),
  'openclaw.skill',
  ...usageKeys,
];

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
  const attributed = attributedType(span.attributes);
  // An agent that nobody's span called was called by a user.
  if (attributed === 'TASK' && span.parentSpanId === '') return 'REQUEST';
  if (attributed) return attributed;
  if (span.attributes.has('openclaw.skill') || span.name.startsWith('openclaw.skill.')) return 'SKILL';
  if (span.attributes.has('gen_ai.tool.name')) return 'TOOL';
  return span.kind === kindServer || span.kind === kindConsumer ? 'REQUEST' : 'OTHER';
};

const attributedType = (attributes: Attributes): SpanType | undefined => {
  for (const [key, types] of byAttribute) {
    const value = attributes.get(key);
    const type = typeof value === 'string' ? types.get(value) : undefined;
    if (type) return type;
  }
  return undefined;
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
