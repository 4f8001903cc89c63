import { describe, expect, test } from 'vitest';
import { isRequest, promotedKeys, typeOf } from './classify.ts';
import type { Value } from './otlp/wire-span.ts';
import { modelOf, runOf, sessionOf, tokensOf } from './usage.ts';

const span = (name: string, values: Readonly<Record<string, Value>> = {}, more: object = {}) => ({
  name,
  kind: 1,
  parentSpanId: '',
  flags: 0,
  attributes: new Map(Object.entries(values)),
  ...more,
});
const child = { parentSpanId: 'a'.repeat(16) };

describe('the type of a span', () => {
  test.each([
    ['REQUEST', span('openclaw.run')],
    ['TASK', span('openclaw.harness.run')],
    ['MODEL', span('openclaw.model.call')],
    ['TOOL', span('openclaw.tool.execution')],
    ['OTHER', span('openclaw.model.usage', { 'gen_ai.operation.name': 'chat' })],
    ['OTHER', span('openclaw.liveness.warning')],
    ['MODEL', span('chat gpt', { 'gen_ai.operation.name': 'chat' })],
    ['MODEL', span('text', { 'gen_ai.operation.name': 'text_completion' })],
    ['TOOL', span('execute_tool ls', { 'gen_ai.operation.name': 'execute_tool' })],
    ['TOOL', span('ls', { 'gen_ai.tool.name': 'ls' })],
    ['REQUEST', span('invoke_agent', { 'gen_ai.operation.name': 'invoke_agent' })],
    ['TASK', span('invoke_agent', { 'gen_ai.operation.name': 'invoke_agent' }, child)],
    ['MODEL', span('embeddings e', { 'gen_ai.operation.name': 'embeddings' })],
    ['TOOL', span('retrieval docs', { 'gen_ai.operation.name': 'retrieval' })],
    ['TOOL', span('search_memory', { 'gen_ai.operation.name': 'search_memory' })],
    ['TASK', span('plan', { 'gen_ai.operation.name': 'plan' }, child)],
    ['REQUEST', span('invoke_workflow', { 'gen_ai.operation.name': 'invoke_workflow' })],
    ['MODEL', span('ChatOpenAI', { 'openinference.span.kind': 'LLM' })],
    ['TOOL', span('search', { 'openinference.span.kind': 'TOOL' })],
    ['TASK', span('chain', { 'openinference.span.kind': 'CHAIN' }, child)],
    ['MODEL', span('openai.chat', { 'llm.request.type': 'chat' })],
    ['TOOL', span('ls.tool', { 'traceloop.span.kind': 'tool' })],
    ['REQUEST', span('ask.workflow', { 'traceloop.span.kind': 'workflow' })],
    ['MODEL', span('ai.streamText.doStream')],
    ['SKILL', span('openclaw.skill.use')],
    ['REQUEST', span('GET /', {}, { kind: 2 })],
    ['REQUEST', span('poll', {}, { kind: 5 })],
    ['SKILL', span('openclaw.run', { 'molthub.span.type': 'SKILL' })],
    ['OTHER', span('x', { 'molthub.span.type': '__proto__', 'gen_ai.operation.name': 'constructor' })],
  ])('is %s', (type, given) => expect(typeOf(given)).toBe(type));
});

describe('a request', () => {
  test('is a root, or has its parent elsewhere', () => {
    expect(isRequest('REQUEST', span('GET /'))).toBe(true);
    expect(isRequest('REQUEST', span('GET /', {}, child))).toBe(false);
    expect(isRequest('REQUEST', span('GET /', {}, { ...child, flags: 0x301 }))).toBe(true);
    expect(isRequest('REQUEST', span('GET /', {}, { ...child, flags: 0x101 }))).toBe(false);
    expect(isRequest('TOOL', span('ls'))).toBe(false);
  });
  test("is every run of OpenClaw, which newer versions wrap into the message's span", () => {
    expect(isRequest('REQUEST', span('openclaw.run', {}, child))).toBe(true);
  });
});

describe('tokens', () => {
  const of = (values: Readonly<Record<string, Value>>) => tokensOf('MODEL', new Map(Object.entries(values)));
  test('are read under new names and old ones', () => {
    expect(of({ 'gen_ai.usage.input_tokens': 7n, 'gen_ai.usage.output_tokens': 3 })).toMatchObject({
      input: 7,
      output: 3,
    });
    expect(of({ 'gen_ai.usage.prompt_tokens': 7, 'gen_ai.usage.completion_tokens': 3 })).toMatchObject({
      input: 7,
      output: 3,
    });
  });
  test('of other conventions are read as well, with what a cache gave in the total', () => {
    expect(
      of({
        'llm.token_count.prompt': 100,
        'llm.token_count.prompt_details.cache_read': 60,
        'llm.token_count.prompt_details.cache_write': 10,
        'llm.token_count.completion': 5,
        'llm.token_count.completion_details.reasoning': 2,
      }),
    ).toEqual({ input: 100, cached: 60, cacheWrite: 10, output: 5, reasoning: 2 });
    expect(of({ 'llm.usage.prompt_tokens': 9, 'llm.usage.completion_tokens': 1 })).toMatchObject({
      input: 9,
      output: 1,
    });
    expect(
      of({ 'openclaw.tokens.input': 40, 'openclaw.tokens.cache_read': 60, 'openclaw.tokens.output': 1 }),
    ).toMatchObject({ input: 100, cached: 60 });
  });
  test('of a cache are added to an input that is less than they are, since then it is no total', () => {
    const cached = { 'gen_ai.usage.cache_read.input_tokens': 60, 'gen_ai.usage.cache_creation.input_tokens': 10 };
    expect(of({ 'gen_ai.usage.input_tokens': 100, ...cached })).toMatchObject({
      input: 100,
      cached: 60,
      cacheWrite: 10,
    });
    expect(of({ 'gen_ai.usage.input_tokens': 5, ...cached })).toMatchObject({ input: 75, cached: 60, cacheWrite: 10 });
  });
  test('that nobody can have used count as none, or as the most there can be', () => {
    expect(of({ 'gen_ai.usage.input_tokens': -1, 'gen_ai.usage.output_tokens': Number.NaN })).toMatchObject({
      input: 0,
      output: 0,
    });
    expect(of({ 'gen_ai.usage.input_tokens': 2n ** 62n, 'gen_ai.usage.output_tokens': '5' })).toMatchObject({
      input: 1_000_000_000,
      output: 0,
    });
  });
  test('of a span that only sums up its model calls are not counted again', () => {
    expect(tokensOf('REQUEST', new Map([['gen_ai.usage.input_tokens', 7]]))).toMatchObject({ input: 0, output: 0 });
  });
});

describe('a span says', () => {
  const attributes = (values: Readonly<Record<string, Value>>) => new Map(Object.entries(values));
  test('its model: the one that answered before the one that was asked for', () => {
    const asked = { 'gen_ai.request.model': 'gpt-5', 'gen_ai.response.model': 'gpt-5-2025-08-07' };
    expect(modelOf('MODEL', attributes(asked))).toBe('gpt-5-2025-08-07');
    expect(modelOf('MODEL', attributes({ 'llm.model_name': 'm' }))).toBe('m');
    expect(modelOf('TOOL', attributes(asked))).toBeNull();
  });
  test('its session and run, under any name', () => {
    expect(sessionOf(attributes({ 'gen_ai.conversation.id': 'c', 'session.id': 's' }))).toBe('c');
    expect(sessionOf(attributes({ 'openclaw.sessionKey': 'agent:main' }))).toBe('agent:main');
    expect(sessionOf(attributes({}))).toBeNull();
    expect(runOf(attributes({ 'openclaw.run_id': 'r' }))).toBe('r');
  });
  test('nothing by a key that is not among the promoted ones', () => {
    const keys = [...promotedKeys];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toEqual(expect.arrayContaining(['molthub.span.type', 'gen_ai.tool.name', 'error.type']));
  });
});
