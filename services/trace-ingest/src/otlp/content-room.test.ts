// Content that has more bytes than there is room for is cut where it lies.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { contentBytesMax } from '../attribute-json.ts';
import { jsonOf, jsonSpan } from '../testing.ts';
import { decodeSpans } from './decode-spans.ts';
import { columnsOf } from './testing.ts';

const text = (stringValue: string) => ({ stringValue });
const Content = z.object({ attributes: z.record(z.string(), z.unknown()) });

const stored = async (...values: readonly object[]) => {
  const attributes = values.map((value, index) => ({ key: `gen_ai.prompt.${index}.content`, value }));
  const { records } = await decodeSpans(Buffer.from(jsonOf(jsonSpan({ attributes }))), 'json');
  const content = records[0]?.body.content ?? Buffer.from('');
  expect(content.length).toBeLessThan(contentBytesMax + 64);
  const { attributes: kept } = Content.parse(JSON.parse(content.toString()));
  return { size: content.length, kept: Object.values(kept), rest: columnsOf(records[0]).rest };
};

test.each(['"', 'é', '\u0001', '\\', '😀'])('a text of many %j is kept up to the last that fits', async (character) => {
  const said = character.repeat(150_000);
  const { kept, size, rest } = await stored(text(said));
  const [left] = z.array(z.string()).parse(kept);
  expect(left).toMatch(/…$/);
  expect(said.startsWith(left?.slice(0, -1) ?? 'nothing')).toBe(true);
  expect(size).toBeGreaterThan(contentBytesMax - 100);
  expect(JSON.parse(rest ?? '')).toEqual({ cut: 1 });
});

test('of a list of messages those that fit are kept, and the beginning of the next', async () => {
  const message = { kvlistValue: { values: [{ key: 'content', value: text('a "word" '.repeat(3_000)) }] } };
  const { kept } = await stored({ arrayValue: { values: Array.from({ length: 12 }, () => message) } });
  const [messages] = z.array(z.array(z.object({ content: z.string() }))).parse(kept);
  expect(messages?.slice(0, -1).map(({ content }) => content.length)).toEqual(Array.from({ length: 7 }, () => 27_000));
  expect(messages?.at(-1)?.content).toMatch(/…$/);
});

test('what comes when nothing has room any more is counted', async () => {
  const { kept, rest } = await stored(text('a'.repeat(300_000)), text('more'), text('and more'));
  expect(kept).toHaveLength(1);
  expect(JSON.parse(rest ?? '')).toEqual({ cut: 3 });
});
