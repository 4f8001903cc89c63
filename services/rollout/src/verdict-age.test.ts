import { expect, test } from 'vitest';
import { isGoodVerdict } from './verdict-age.ts';

const now = '2026-11-21T10:00:00.000Z';

test('a verdict holds for a minute, and one from further in the future is of a clock that is wrong', () => {
  expect(isGoodVerdict('2026-11-21T09:59:00.000Z', now)).toBe(true);
  expect(isGoodVerdict('2026-11-21T09:58:59.999Z', now)).toBe(false);
  expect(isGoodVerdict('2026-11-21T10:01:00.000Z', now)).toBe(true);
  expect(isGoodVerdict('2026-11-21T10:01:00.001Z', now)).toBe(false);
});

test('no verdict never holds', () => {
  expect(isGoodVerdict(null, now)).toBe(false);
  expect(isGoodVerdict(undefined, now)).toBe(false);
});
