import { FleetTelemetry } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { decodeSpans } from './otlp/decode-spans.ts';
import { columnsOf } from './otlp/testing.ts';
import { compilePatterns, programSizeMax } from './redaction-patterns.ts';
import { rulesOf, stepsPerRequestMax } from './redaction-rules.ts';
import { jsonSpan } from './testing.ts';

const fleet = '00000000-0000-4000-8000-000000000001';
const begin = (redaction: object, fleetId = fleet) => {
  const redactor = rulesOf(fleetId, FleetTelemetry.parse({ redaction }))?.begin();
  if (!redactor) throw new Error('There are rules here.');
  return redactor;
};
const otlp = (values: Readonly<Record<string, unknown>>) =>
  Object.entries(values).map(([key, value]) => ({ key, value }));
const said = (stringValue: string) => ({ stringValue });

/** What is stored of a span of a fleet with these rules: everything that is text, and its attributes. */
const stored = async (redaction: object, span: object, resource: object = {}, fleetId = fleet) => {
  const { text: hide, actionOf, salt } = begin(redaction, fleetId);
  const scopeSpans = [{ scope: { name: 'scope of CUST-1' }, spans: [{ ...jsonSpan(), ...span }] }];
  const body = Buffer.from(JSON.stringify({ resourceSpans: [{ resource, scopeSpans }] }));
  const { records } = await decodeSpans(body, 'json', { redaction: { hide, actionOf, salt } });
  const [record] = records;
  if (!record) throw new Error('The span was not taken.');
  const { columns, content } = record.body;
  const { name, statusMessage, surroundings } = record;
  const text = JSON.stringify({ name, statusMessage, surroundings }) + columns.toString() + (content ?? '').toString();
  const attributes: unknown = JSON.parse(columnsOf(record).attributes);
  return { text, attributes: z.record(z.string(), z.json()).parse(attributes) };
};

describe('attributes', () => {
  const rules = {
    attributes: [
      { key: 'user.name', action: 'mask' },
      { key: 'user.*', action: 'drop' },
      { key: 'email', action: 'hash' },
    ],
  };
  test('are dropped, masked and hashed by the first rule that fits, also within others', async () => {
    const within = { kvlistValue: { values: otlp({ 'user.id': { intValue: 7 }, kept: said('x') }) } };
    const { attributes } = await stored(rules, {
      attributes: otlp({
        'user.name': said('Ada'),
        'user.id': { intValue: 7 },
        other: { arrayValue: { values: [within] } },
      }),
    });
    expect(attributes).toEqual({ 'user.name': '[redacted]', other: [{ kept: 'x' }] });
  });
  test('that are hashed stay equal within a fleet, and differ from those of others', async () => {
    const hashed = async (email: string, fleetId = fleet) =>
      (await stored(rules, { attributes: otlp({ email: said(email) }) }, {}, fleetId)).attributes['email'];
    const one = await hashed('a@b');
    expect(one).toMatch(/^sha256:[0-9a-f]{32}$/);
    expect(await hashed('a@b')).toBe(one);
    expect(await hashed('a@c')).not.toBe(one);
    expect(await hashed('a@b', '00000000-0000-4000-8000-000000000002')).not.toBe(one);
  });
  test('may be called what they like', async () => {
    const { attributes } = await stored(rules, { attributes: otlp({ constructor: said('x') }) });
    expect(attributes).toEqual({ constructor: 'x' });
  });
  test('that are content are hidden like all others', async () => {
    const key = 'gen_ai.input.messages';
    const { text } = await stored(
      { attributes: [{ key, action: 'hash' }] },
      { attributes: otlp({ [key]: said('hello') }) },
    );
    expect(text).not.toContain('hello');
  });
});

describe('patterns', () => {
  test('hide what matches in every text of a span and of what surrounds it', async () => {
    const one = 'CUST-12 of Acme';
    const attributes = otlp({
      [one]: { arrayValue: { values: [said(one), { kvlistValue: { values: otlp({ deep: said(one) }) } }] } },
    });
    const { text } = await stored(
      { patterns: ['CUST-[0-9]+', '(?i)acme'] },
      {
        name: one,
        attributes: [...attributes, ...otlp({ 'gen_ai.input.messages': said(one) })],
        events: [{ timeUnixNano: '1', name: one, attributes: otlp({ a: said(one) }) }],
        links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), attributes: otlp({ a: said(one) }) }],
        status: { code: 2, message: one },
      },
      { attributes: otlp({ host: said(one) }) },
    );
    expect(text).not.toMatch(/CUST|acme/i);
    expect(text.match(/\[redacted\] of \[redacted\]/g)).toHaveLength(10);
    expect(text).toContain('scope of [redacted]');
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
