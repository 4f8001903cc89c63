import { createServer } from 'node:net';
import { Rejected } from '@molthub/decider';
import { expect, test } from 'vitest';
import { PORT_DISTANCE, pickPort } from './ports.ts';

const BASE = 41_000;

test('neighbours keep their distance, whatever was taken before', async () => {
  const taken: number[] = [BASE + 50];
  for (let i = 0; i < 5; i += 1) taken.push(await pickPort({ taken, base: BASE }));
  const sorted = taken.toSorted((a, b) => a - b);
  for (const [index, port] of sorted.entries()) {
    expect(port - (sorted[index - 1] ?? 0)).toBeGreaterThanOrEqual(PORT_DISTANCE);
  }
});

for (const [what, offset, host] of [
  ['its port', 0, '127.0.0.1'],
  ["its browser's port", 2, '127.0.0.1'],
] as const) {
  test(`a place is passed over when somebody listens on ${what}`, async () => {
    const first = await pickPort({ taken: [], base: BASE + 3_000 });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(first + offset, host, resolve));
    try {
      expect(await pickPort({ taken: [], base: first })).toBeGreaterThanOrEqual(first + PORT_DISTANCE);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

test('a machine without room says so', async () => {
  await expect(pickPort({ taken: [], base: 65_500 })).rejects.toThrow(Rejected);
});
