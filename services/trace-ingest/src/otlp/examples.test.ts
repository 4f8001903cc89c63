// The examples that opentelemetry-proto publishes, read where they are kept.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeSpans } from './decode-spans.ts';
import { checkShape } from './signal-shape.ts';

const folder = join(import.meta.dirname, '../../../../../shared/data/public/opentelemetry-proto/examples');
const example = (name: string) => readFileSync(join(folder, name));

test("opentelemetry-proto's example of a trace is read", async () => {
  const { records, rejected } = await decodeSpans(example('trace.json'), 'json');
  expect(rejected).toBe(0);
  expect(records).toMatchObject([
    {
      traceId: '5b8efff798038103d269b633813fc60c',
      spanId: 'eee19b7ec3c1b174',
      parentSpanId: 'eee19b7ec3c1b173',
      name: "I'm a server span",
      surroundings: { scope: 'my.library' },
    },
  ]);
  expect(JSON.parse(records[0]?.surroundings.resource ?? '')).toEqual({ 'service.name': 'my.service' });
});

test.each([
  ['metrics', 'metrics.json'],
  ['logs', 'logs.json'],
  ['logs', 'events.json'],
] as const)("opentelemetry-proto's example of %s in %s is accepted", async (signal, name) => {
  await checkShape(signal, example(name), 'json');
});
