import { FleetTelemetry } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { encodeLogs } from '../otlp/testing.ts';
import { checkShape } from '../otlp/signal-shape.ts';
import { rulesOf } from '../redaction-rules.ts';
import { captured } from '../testing.ts';
import { redactBody } from './redact-body.ts';

const secret = `ghp_${'x'.repeat(36)}`;
const text = (stringValue: string) => ({ stringValue });
const logs = (record: object) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
const redacted = async (request: object, more = rulesOf('f', FleetTelemetry.parse({}))?.begin() ?? null) => {
  const body = Buffer.from(JSON.stringify(request));
  return (await redactBody({ signal: 'logs', encoding: 'json', body }, more)).toString();
};

describe.each(['turn1-plain', 'turn2-tool-loop', 'turn3-one-tool'])('what OpenClaw sent in %s', (turn) => {
  test.each(['metrics', 'logs'] as const)(
    'as %s stays what it was to the byte, where there is no secret',
    async (signal) => {
      for (const body of captured(turn, signal)) {
        const clean = await redactBody({ signal, encoding: 'protobuf', body });
        await checkShape(signal, clean, 'protobuf');
        expect(clean.equals(body)).toBe(true);
      }
    },
  );
});

describe('protobuf', () => {
  const field = (number: number, content: Buffer | string): Buffer => {
    const bytes = Buffer.from(content);
    return Buffer.concat([Buffer.from([number * 8 + 2, (bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes]);
  };
  const pair = (key: string, value: Buffer) => Buffer.concat([field(1, key), field(2, value)]);
  test('loses secrets by form and by name, in texts, keys, lists and bytes, and fields that nobody knows', async () => {
    const list = field(5, Buffer.concat([field(1, field(1, `is ${secret}`)), field(1, field(7, secret))]));
    const record = Buffer.concat([
      field(3, secret),
      field(5, field(1, `token ${secret}.`)),
      field(6, pair('db.password', field(1, 'hunter2'))),
      field(6, pair(secret, field(1, 'x'))),
      field(6, pair('list', list)),
      field(900, secret),
    ]);
    const body = field(1, field(2, field(2, record)));
    await checkShape('logs', body, 'protobuf');
    const clean = await redactBody({ signal: 'logs', encoding: 'protobuf', body });
    await checkShape('logs', clean, 'protobuf');
    expect(clean.toString('latin1')).not.toMatch(/ghp_|hunter2/);
    expect(clean.toString('latin1').match(/\[redacted\]/g)).toHaveLength(6);
  });
});

test.each(['json', 'protobuf'] as const)(
  'an item of a list behind the name of a secret is hidden in %s',
  async (encoding) => {
    const values = ['tool', '--token', 'x', '--secret', '--db-password', 'y', 'z'].map(text);
    const request = logs({ attributes: [{ key: 'process.command_args', value: { arrayValue: { values } } }] });
    const body = encoding === 'json' ? Buffer.from(JSON.stringify(request)) : encodeLogs(request);
    const clean = await redactBody({ signal: 'logs', encoding, body });
    const items = ['tool', '--token', '[redacted]', '--secret', '--db-password', '[redacted]', 'z'].map(text);
    const shown = logs({ attributes: [{ key: 'process.command_args', value: { arrayValue: { values: items } } }] });
    expect(clean).toEqual(encoding === 'json' ? Buffer.from(JSON.stringify(shown)) : encodeLogs(shown));
  },
);

describe('JSON', () => {
  test('stays what it was to the byte but for what is hidden, whatever comes first of a key and its value', async () => {
    const around = (attribute: string, options: string) =>
      ` {"resourceLogs" : [ {"scopeLogs":[{"logRecords":[\n{"attributes":[${attribute},{"key":"args","value":` +
      `{"arrayValue":{"values":[${options}]}}}],"observed":1e3,"x":null}] }]}]}`;
    const request = around(
      '{"value":{"stringValue":"sk-abcdefghijklmn","y":1},"key":"db.pass\\u0077ord","z":"\\u00e9 é"}',
      '{"stringValue":"--token"},{"stringValue":"x"},{"stringValue":"--secret"},{"stringValue":"-v"}',
    );
    const clean = around(
      '{"value":{"stringValue":"[redacted]"},"key":"db.pass\\u0077ord","z":"\\u00e9 é"}',
      '{"stringValue":"--token"},{"stringValue":"[redacted]"},{"stringValue":"--secret"},{"stringValue":"-v"}',
    );
    const bodyOf = Buffer.from(request);
    expect((await redactBody({ signal: 'logs', encoding: 'json', body: bodyOf })).toString()).toBe(clean);
  });
  test('keeps its numbers to the digit', async () => {
    const request =
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":18446744073709551615,"severityNumber":1.0}]}]}]}';
    const clean = await redactBody({ signal: 'logs', encoding: 'json', body: Buffer.from(request) });
    expect(clean.toString()).toBe(request);
  });
  test('loses secrets by form and by name, in texts, keys, lists and bytes', async () => {
    const attributes = [
      { key: 'db.password', value: text('hunter2') },
      { key: secret, value: text('x') },
      {
        key: 'list',
        value: {
          arrayValue: { values: [text(`is ${secret}`), { bytesValue: Buffer.from(secret).toString('base64') }] },
        },
      },
    ];
    const clean = await redacted(logs({ body: text(`token ${secret}.`), attributes }));
    expect(clean).not.toContain(secret);
    expect(clean).not.toContain(Buffer.from(secret).toString('base64').slice(0, 20));
    expect(clean).not.toContain('hunter2');
    expect(clean.match(/\[redacted\]/g)).toHaveLength(4);
  });
  test("loses what its fleet's rules say", async () => {
    const settings = FleetTelemetry.parse({
      redaction: { attributes: [{ key: 'user.*', action: 'drop' }], patterns: ['CUST-[0-9]+'] },
    });
    const clean = await redacted(
      logs({ body: text('CUST-7'), attributes: [{ key: 'user.id', value: text('ada') }] }),
      rulesOf('f', settings)?.begin() ?? null,
    );
    expect(clean).not.toMatch(/CUST-7|ada/);
  });
});
