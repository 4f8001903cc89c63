// Large bodies are redacted in slices: nobody else waits for them.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { encodeLogs } from '../otlp/testing.ts';
import { longestTurnMs } from '../otlp/turns.ts';
import { redactBody } from './redact-body.ts';

const text = (stringValue: string) => ({ stringValue });
const logs = (...logRecords: readonly object[]) => ({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
const sizeBytes = 12_900_000;
/** One record, text or word of the whole size takes longer turns than anything in spans does: 75 ms on a busy machine. */
const longTextMsMax = 100;

describe.each(['json', 'protobuf'] as const)('a large body in %s', (encoding) => {
  const words = 'the total of x=1: 12:30, as "said" before;\n';
  const long = words.repeat(sizeBytes / words.length);
  const attributes = [
    { key: 'url', value: text('https://example.org/?a=b&token=abc') },
    { key: 'said', value: text(words.repeat(6)) },
  ];
  const repeated = (item: object) =>
    Array.from({ length: Math.floor(sizeBytes / JSON.stringify(item).length) }, () => item);
  const record = { timeUnixNano: '1', severityText: 'INFO', body: text(words), attributes };
  const bodyOf = (request: object) =>
    encoding === 'json' ? Buffer.from(JSON.stringify(request)) : encodeLogs(request);

  test.each([
    ['of many records', logs(...repeated(record))],
    ['of one record of many attributes', logs({ attributes: repeated({ key: 'x', value: text('password=abc') }) })],
    ['of one long text', logs({ body: text(long) })],
    ['of one long text with a secret in it', logs({ body: text(`${long}password="a b c"${long.slice(0, 90_000)}`) })],
    ['of one long word', logs({ body: text(`${Buffer.from(long).toString('base64')}&token=abc`) })],
    ['of bytes', logs({ body: { bytesValue: Buffer.from(long).toString('base64') } })],
  ])('%s holds up nobody while its secrets are hidden', async (_, request) => {
    const body = bodyOf(request);
    let clean: Buffer = Buffer.alloc(0);
    const longestMs = await longestTurnMs(async () => {
      clean = await redactBody({ signal: 'logs', encoding, body });
    });
    expect(clean.includes('abc')).toBe(false);
    expect(clean.includes('a b c')).toBe(false);
    expect(longestMs).toBeLessThan(longTextMsMax);
  });

  test('hides secrets at every place where a long text could be cut', async () => {
    const said = Array.from({ length: 40_000 }, (_, index) => `${index} password="a ${index} b" of it`).join(' ');
    const body = bodyOf(logs({ body: text(said) }));
    const clean = (await redactBody({ signal: 'logs', encoding, body })).toString();
    expect(clean).not.toMatch(/a \d+ b/);
    expect(clean.match(/\[redacted\]/g)).toHaveLength(40_000);
  });
});

test.each(['stringValue', 'bytesValue'])('of a long %s all but the secret stays, wherever it is cut', async (kind) => {
  const said = `${'a😀é"\\'.repeat(90_001)} `;
  const written =
    kind === 'stringValue' ? `${said}password=abc` : Buffer.from(`${said}password=abc`).toString('base64');
  const body = Buffer.from(JSON.stringify(logs({ body: { [kind]: written } })));
  const clean = z
    .object({
      resourceLogs: z.tuple([z.object({ scopeLogs: z.tuple([z.object({ logRecords: z.array(z.unknown()) })]) })]),
    })
    .parse(JSON.parse((await redactBody({ signal: 'logs', encoding: 'json', body })).toString()));
  const value = z
    .object({ body: z.record(z.string(), z.string()) })
    .parse(clean.resourceLogs[0].scopeLogs[0].logRecords[0]).body[kind];
  const read = kind === 'stringValue' ? value : Buffer.from(value ?? '', 'base64').toString();
  expect(read?.startsWith(said)).toBe(true);
  expect(read?.slice(said.length)).not.toContain('abc');
});
