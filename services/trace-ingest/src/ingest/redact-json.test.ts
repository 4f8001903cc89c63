// Whatever JSON comes, JSON stays, and is the same but for what is hidden.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSecretKey } from '../named-secrets.ts';
import { redactBody } from './redact-body.ts';

const redacted = async (text: string) =>
  (await redactBody({ signal: 'logs', encoding: 'json', body: Buffer.from(text) })).toString();

/** Said one element after another, as whoever wrote a parser of JSON's values would. */
const hidden = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    const saysSecret = (item: unknown) => textOf(item) === '--token';
    return value.map((item: unknown, index) =>
      index > 0 && saysSecret(value[index - 1]) && !textOf(item).startsWith('-') ? mark : hidden(item),
    );
  }
  if (typeof value !== 'object' || value === null) return value === secret ? '[redacted]' : value;
  const isSecret = 'key' in value && typeof value.key === 'string' && isSecretKey(value.key);
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, isSecret && name === 'value' ? mark : hidden(held)]),
  );
};
const mark = { stringValue: '[redacted]' };
const secret = `sk-${'Ab3'.repeat(8)}`;
const textOf = (item: unknown): string =>
  typeof item === 'object' && item !== null && 'stringValue' in item && typeof item.stringValue === 'string'
    ? item.stringValue
    : '';

const word = fc.constantFrom('key', 'value', 'stringValue', 'password', '--token', '-v', secret, 'é "\\', 'x');
const name = fc.constantFrom('key', 'value', 'stringValue', 'values', 'x');
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6 },
    word,
    fc.constantFrom(1, -1.5, true, null),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
  ),
}));

test('hides what a walk over the parsed values would', async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.constantFrom(0, 2), async (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const clean = await redacted(text);
      expect(JSON.parse(clean)).toEqual(hidden(JSON.parse(text)));
      if (JSON.stringify(hidden(value)) === JSON.stringify(value)) expect(clean).toBe(text);
    }),
    { numRuns: 5_000 },
  );
});
