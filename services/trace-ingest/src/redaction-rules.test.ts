import { FleetTelemetry } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { decodeSpans } from './otlp/decode-spans.ts';
import { columnsOf } from './otlp/testing.ts';
import { compilePatterns, programSizeMax } from './redaction-patterns.ts';
import { rulesOf, stepsPerRequestMax } from './redaction-rules.ts';
import { jsonSpan } from './testing.ts';

const fleet = '00000000-0000-4000-8000-000000000001';
const begin = (redaction: object) => {
  const redactor = rulesOf(fleet, FleetTelemetry.parse({ redaction }))?.begin();
  if (!redactor) throw new Error('There are rules here.');
  return redactor;
};
/** What is stored of one span whose texts and attributes are these. */
const stored = async (redaction: object, attributes: readonly object[], said = '', fleetId = fleet) => {
  const span = jsonSpan({
    name: said,
    status: { code: 2, message: said },
    attributes,
    events: [{ name: said, attributes }],
    links: [{ traceId: '01'.repeat(16), spanId: '01'.repeat(8), attributes }],
  });
  const around = { resource: { attributes }, scopeSpans: [{ scope: { name: said, attributes }, spans: [span] }] };
  const body = Buffer.from(JSON.stringify({ resourceSpans: [around] }));
  const rules = rulesOf(fleetId, FleetTelemetry.parse({ redaction }));
  const { records } = await decodeSpans(body, 'json', { rules });
  const [record] = records;
  if (!record) throw new Error('The span was rejected.');
  return { record, columns: columnsOf(record) };
};
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

describe('attributes', () => {
  const rules = {
    attributes: [
      { key: 'user.name', action: 'mask' },
      { key: 'user.*', action: 'drop' },
      { key: 'email', action: 'hash' },
    ],
  };
  test('are dropped, masked and hashed by the first rule that fits, also within others', async () => {
    const id = { key: 'user.id', value: { intValue: '7' } };
    const nested = { key: 'other', value: { kvlistValue: { values: [id, text('kept', 'x')] } } };
    const { columns } = await stored(rules, [text('user.name', 'Ada'), id, nested]);
    expect(columns.attributes).toBe('{"user.name":"[redacted]","other":{"kept":"x"}}');
  });
  test('that are hashed stay equal within a fleet, and differ from those of others', async () => {
    const hashed = async (value: string, fleetId = fleet) => {
      const { columns } = await stored(rules, [text('email', value)], '', fleetId);
      return columns.attributes;
    };
    expect(await hashed('a@b')).toMatch(/^{"email":"sha256:[0-9a-f]{32}"}$/);
    expect(await hashed('a@b')).toBe(await hashed('a@b'));
    expect(await hashed('a@c')).not.toBe(await hashed('a@b'));
    expect(await hashed('a@b', '00000000-0000-4000-8000-000000000002')).not.toBe(await hashed('a@b'));
  });
  test('may be called what they like', async () => {
    const { columns } = await stored(rules, [text('constructor', 'x')]);
    expect(columns.attributes).toBe('{"constructor":"x"}');
  });
});

describe('patterns', () => {
  test('hide what matches in every text of a span and of what surrounds it', async () => {
    const said = 'CUST-12 of Acme';
    const deep = { key: said, value: { arrayValue: { values: [{ stringValue: said }] } } };
    const { record, columns } = await stored({ patterns: ['CUST-[0-9]+', '(?i)acme'] }, [deep], said);
    const { name, statusMessage, surroundings } = record;
    const all = JSON.stringify([name, statusMessage, surroundings, columns]);
    expect(all).not.toMatch(/CUST|acme/i);
    expect(all.match(/\[redacted\] of \[redacted\]/g)).toHaveLength(14);
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
