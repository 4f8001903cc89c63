import type { Recorded } from '@molthub/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLogPosition, fromMessage, parseLogPosition, toMessage } from './cloud-event.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const anyEvent: fc.Arbitrary<Recorded> = fc.record({
  id: fc.uuid(),
  type: fc.constantFrom('config.fleet.created.v1', 'trace.window.summarized.v1'),
  data: fc.jsonValue(),
  workspace: fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/),
  actor: fc.record({ kind: fc.constantFrom('user', 'api-key', 'bot', 'service'), id: text, name: text }),
  correlationId: text,
  causationId: fc.option(text),
  stream: text,
  version: fc.integer({ min: 1 }),
  time: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  log: fc.record({
    epoch: fc.integer({ min: 0, max: 999_999_999 }),
    tx: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    position: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  }),
});

test('an event is the same after its way over the bus, whatever its names and data hold', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const { headers, body } = toMessage(event);
      const back = fromMessage(headers, body);
      expect(back).toEqual({ ...event, data: JSON.parse(JSON.stringify(event.data)) });
    }),
    { numRuns: 1_000 },
  );
});

test('no header holds anything that could end it or begin another', () => {
  fc.assert(
    fc.property(anyEvent, ({ ...event }) => {
      const { headers } = toMessage(event);
      for (const key of headers.keys()) {
        for (const value of headers.values(key)) expect(value).toMatch(/^[\u0020-\u007e]*$/);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a log position is three numbers and nothing else', () => {
  const position = { epoch: 2, tx: 18_446_744_073_709_551_615n, position: 10_000n };
  expect(parseLogPosition(formatLogPosition(position))).toEqual(position);
  for (const broken of ['', '1.2', '1.2.3.4', '1.-2.3', '1.2.x', ' 1.2.3', '1.2.3\n']) {
    expect(parseLogPosition(broken), JSON.stringify(broken)).toBeUndefined();
  }
});
