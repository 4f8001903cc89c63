import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('two threads that measure the same thing of other services are one text', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  for (const [metrics, service] of [
    [one, 'config'],
    [other, 'audit'],
  ] as const) {
    metrics.counter('taken_total', 'Taken.', ['service']).inc({ service }, 2);
    metrics.histogram('took_seconds', 'Took.', ['service']).observe({ service }, 0.002);
  }
  other.collect(async () => other.gauge('waiting', 'Waiting.').set(7));
  // As it comes over from another thread: as data.
  one.include(async () => structuredClone(await other.snapshot()));
  const text = await one.text();
  expect(text.match(/# TYPE taken_total counter/g)).toHaveLength(1);
  expect(text).toContain('taken_total{service="config"} 2');
  expect(text).toContain('taken_total{service="audit"} 2');
  expect(text).toContain('took_seconds_bucket{le="0.0025",service="audit"} 1');
  expect(text).toContain('waiting 7');
});
