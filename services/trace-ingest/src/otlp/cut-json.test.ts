import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWriter, written, writeUtf8 } from './byte-writer.ts';
import { cutJson } from './cut-json.ts';

const cut = (value: unknown, bytesMax: number): string | null => {
  const out = createWriter(16);
  writeUtf8(out, `,${JSON.stringify(value)}`);
  return cutJson(out, 1, 1 + bytesMax) ? written(out).subarray(1).toString() : null;
};

test.each([
  ['abcdefgh', 8, '"abc…"'],
  ['a\nb\nc', 8, '"a\\n…"'],
  ['a\u0001b', 9, '"a…"'],
  ['ähnlich', 8, '"äh…"'],
  [['abcdefgh', 'b'], 10, '["abc…"]'],
  [['a', 'b', 'c'], 9, '["a","b"]'],
  [{ role: 'user', content: 'abcdefgh' }, 31, '{"role":"user","content":"…"}'],
  [{ role: 'user', content: 'abcdefgh' }, 20, '{"role":"user"}'],
  [[1234, 5678], 8, '[1234]'],
  ['abcdefgh', 4, null],
])('%j in %i bytes', (value, bytesMax, text) => {
  expect(cut(value, bytesMax)).toBe(text);
});

test('what is left is JSON that fits, and the same but for its end', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.double({ min: 0, max: 1, noNaN: true }), (value, share) => {
      const whole = Buffer.byteLength(JSON.stringify(value));
      const bytesMax = Math.floor(whole * share * 0.99);
      const left = cut(value, bytesMax);
      if (left === null) return;
      expect(Buffer.byteLength(left)).toBeLessThanOrEqual(bytesMax);
      JSON.parse(left);
      expect(JSON.stringify(value)).toContain(left.replace(/…"[\]}]*$|[\]}]*$/, ''));
    }),
    { numRuns: 5_000 },
  );
});
