import { FleetTelemetry } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import type { Value, WireSpan } from './otlp/wire-span.ts';
import { compilePatterns, programSizeMax } from './redaction-patterns.ts';
import { rulesOf, stepsPerRequestMax } from './redaction-rules.ts';

const fleet = '00000000-0000-4000-8000-000000000001';
const begin = (redaction: object, fleetId = fleet) => {
  const redactor = rulesOf(fleetId, FleetTelemetry.parse({ redaction }))?.begin();
  if (!redactor) throw new Error('There are rules here.');
  return redactor;
};
const attributesOf = (values: Readonly<Record<string, Value>>) => new Map(Object.entries(values));

describe('attributes', () => {
  const { attributes } = begin({
    attributes: [
      { key: 'user.name', action: 'mask' },
      { key: 'user.*', action: 'drop' },
      { key: 'email', action: 'hash' },
    ],
  });
  test('are dropped, masked and hashed by the first rule that fits, also within others', () => {
    const left = attributes(
      attributesOf({ 'user.name': 'Ada', 'user.id': 7n, other: [attributesOf({ 'user.id': 7n, kept: 'x' })] }),
    );
    expect([...left]).toEqual([
      ['user.name', '[redacted]'],
      ['other', [attributesOf({ kept: 'x' })]],
    ]);
  });
  test('that are hashed stay equal within a fleet, and differ from those of others', () => {
    const hashed = (value: Value, redact = attributes) => redact(attributesOf({ email: value })).get('email');
    expect(hashed('a@b')).toMatch(/^sha256:[0-9a-f]{32}$/);
    expect(hashed('a@b')).toBe(hashed('a@b'));
    expect(hashed('a@c')).not.toBe(hashed('a@b'));
    const other = begin({ attributes: [{ key: 'email', action: 'hash' }] }, '00000000-0000-4000-8000-000000000002');
    expect(hashed('a@b', other.attributes)).not.toBe(hashed('a@b'));
  });
  test('may be called what they like', () => {
    expect([...attributes(attributesOf({ constructor: 'x' }))]).toEqual([['constructor', 'x']]);
  });
});

describe('patterns', () => {
  test('hide what matches in every text of a span and of what surrounds it', () => {
    const { span, around } = begin({ patterns: ['CUST-[0-9]+', '(?i)acme'] });
    const said = 'CUST-12 of Acme';
    const one: WireSpan = {
      traceId: '',
      spanId: '',
      parentSpanId: '',
      name: said,
      kind: 0,
      startNs: 0n,
      endNs: 0n,
      attributes: attributesOf({ [said]: [said, attributesOf({ deep: said })] }),
      events: [{ timeNs: 0n, name: said, attributes: attributesOf({ a: said }) }],
      links: [{ traceId: '', spanId: '', attributes: attributesOf({ a: said }) }],
      statusCode: 0,
      statusMessage: said,
      flags: 0,
    };
    const shown = (value: unknown) =>
      JSON.stringify(value, (_, held: unknown) =>
        held instanceof Map ? [...held] : typeof held === 'bigint' ? String(held) : held,
      );
    const text = shown(span(one)) + shown(around({ resource: attributesOf({ host: said }), scope: said }));
    expect(text).not.toMatch(/CUST|acme/i);
    expect(text.match(/\[redacted\] of \[redacted\]/g)).toHaveLength(10);
  });
  test('that are too much work hide a text whole', () => {
    const { text } = begin({ patterns: ['x'] });
    const long = 'a'.repeat(1_000_000);
    const results = Array.from({ length: Math.ceil(stepsPerRequestMax / long.length) }, () => text(long));
    expect(results[0]).toBe(long);
    expect(results.at(-1)).toBe('[redacted: too much to look through]');
  });
  test('that cannot be run in linear time, or would not end, are named', () => {
    const problems = (...patterns: readonly string[]) => compilePatterns(patterns).problems.map(({ path }) => path);
    expect(problems('a', '(a)\\1', '(?<=a)b')).toEqual(['redaction.patterns[1]', 'redaction.patterns[2]']);
    expect(problems('(a{99}){99}')).toEqual(['redaction.patterns[0]']);
    expect(problems('', 'a*')).toEqual(['redaction.patterns[0]', 'redaction.patterns[1]']);
    const [half] = [`a{${programSizeMax / 2}}`];
    expect(problems(half ?? '', half ?? '', 'b')).toEqual(['redaction.patterns[1]']);
  });
});

test('a fleet without rules costs nothing', () => expect(rulesOf(fleet, FleetTelemetry.parse({}))).toBeNull());
