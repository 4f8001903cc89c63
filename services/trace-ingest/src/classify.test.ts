import { describe, expect, test } from 'vitest';
import { isRequest, tokensOf, typeOf } from './classify.ts';
import type { Value } from './otlp/wire-span.ts';

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
