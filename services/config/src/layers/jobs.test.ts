// What work in the background says of itself: only what somebody should look at.
import type { Outcome } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { carryOut } from './jobs.ts';

const linesOf = async (outcome: Outcome): Promise<readonly unknown[]> => {
  const lines: unknown[] = [];
  const logger = { warn: (...line: readonly unknown[]) => void lines.push(line) };
  const pass = { runtime: { logger }, signal: new AbortController().signal, what: 'Proposing a bot anew' };
  await carryOut(['anna'], 1, async () => outcome, pass);
  return lines;
};

test('a proposal that waits for its verdict is as it should be, and worth no line', async () => {
  expect(await linesOf({ status: 'PENDING' })).toEqual([]);
  expect(await linesOf({ status: 'DONE', result: {} })).toEqual([]);
});

test('one that was refused or failed is told with its item', async () => {
  const refused: Outcome = { status: 'REFUSED', code: 'config.x', message: 'No.', errors: [] };
  expect(await linesOf(refused)).toEqual([
    [{ item: 'anna', outcome: refused }, 'Proposing a bot anew was not done; trying later.'],
  ]);
  expect(await linesOf({ status: 'FAILED', message: 'a fault' })).toHaveLength(1);
});
