import { expect, test } from 'vitest';
import { until } from './until.ts';

test('it resolves with the first answer that counts', async () => {
  let asked = 0;
  expect(await until(() => (asked += 1) === 3 && 'third', { what: 'the third try', everyMs: 1 })).toBe('third');
  expect(asked).toBe(3);
});

test('a condition that never comes true is named in the error, with what stood in the way', async () => {
  await expect(until(() => false, { what: 'the moon', timeoutMs: 20 })).rejects.toThrow('20 ms in vain for the moon');
  const failing = until(() => Promise.reject(new Error('clouds')), { what: 'the moon', timeoutMs: 20 });
  await expect(failing).rejects.toMatchObject({ cause: { message: 'clouds' } });
});
