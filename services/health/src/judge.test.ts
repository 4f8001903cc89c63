import { expect, test } from 'vitest';
import { confirmMs, judge, type ReadingOf, type Standing, unwellMs } from './judge.ts';

const intervalMs = 30_000;
const patience = { intervalMs, failuresMax: 2 };
const hash = `sha256:${'a'.repeat(64)}`;
const nextHash = `sha256:${'b'.repeat(64)}`;
const reading = (status: ReadingOf['status'], of: string | null = hash): ReadingOf => ({
  status,
  latencyMs: null,
  detail: '',
  hash: of,
});
const well: Standing = { status: 'HEALTHY', hash, failures: 0, unknowns: 0 };

test('one bad answer of a healthy bot is asked again at once and told to nobody', () => {
  expect(judge(well, reading('UNHEALTHY'), patience)).toEqual({
    status: 'HEALTHY',
    hash,
    failures: 1,
    unknowns: 0,
    tell: false,
    againMs: confirmMs,
  });
});

test('two bad answers in a row make a bot unhealthy', () => {
  const once = judge(well, reading('UNHEALTHY'), patience);
  expect(judge(once, reading('UNHEALTHY'), patience)).toMatchObject({
    status: 'UNHEALTHY',
    failures: 2,
    tell: true,
    againMs: unwellMs,
  });
});

test('a good answer in between clears the bot', () => {
  const once = judge(well, reading('UNHEALTHY'), patience);
  const cleared = judge(once, reading('HEALTHY'), patience);
  expect(cleared).toMatchObject({ status: 'HEALTHY', failures: 0, tell: false });
  expect(judge(cleared, reading('UNHEALTHY'), patience)).toMatchObject({ tell: false });
});

test('a good answer makes a bot healthy at once', () => {
  const unhealthy: Standing = { status: 'UNHEALTHY', hash, failures: 7, unknowns: 0 };
  expect(judge(unhealthy, reading('HEALTHY'), patience)).toMatchObject({
    status: 'HEALTHY',
    tell: true,
    againMs: intervalMs,
  });
});

test('what is known already is not told again', () => {
  expect(judge(well, reading('HEALTHY'), patience).tell).toBe(false);
  const unhealthy: Standing = { status: 'UNHEALTHY', hash, failures: 2, unknowns: 0 };
  expect(judge(unhealthy, reading('UNHEALTHY'), patience)).toMatchObject({ tell: false, failures: 3 });
});

test('a prober that cannot ask takes back what it said only at the third time', () => {
  const first = judge(well, reading('UNKNOWN'), patience);
  const second = judge(first, reading('UNKNOWN'), patience);
  expect([first, second].map(({ status, tell }) => [status, tell])).toEqual([
    ['HEALTHY', false],
    ['HEALTHY', false],
  ]);
  expect(judge(second, reading('UNKNOWN'), patience)).toMatchObject({ status: 'UNKNOWN', tell: true });
});

test('no bot is asked less often than the interval says', () => {
  expect(judge(well, reading('UNHEALTHY'), { intervalMs: 200, failuresMax: 2 }).againMs).toBe(200);
});

test('as many bad answers make a bot unhealthy as are borne, and no fewer', () => {
  const bad = (standing: Standing) => judge(standing, reading('UNHEALTHY'), { intervalMs, failuresMax: 3 });
  const second = bad(bad(well));
  expect(second).toMatchObject({ status: 'HEALTHY', tell: false });
  expect(bad(second)).toMatchObject({ status: 'UNHEALTHY', hash, failures: 3, tell: true });
  expect(judge(well, reading('UNHEALTHY'), { intervalMs, failuresMax: 1 })).toMatchObject({ status: 'UNHEALTHY' });
});

test('a bot that stays well over another configuration is told once more, and once only', () => {
  const first = judge(well, reading('HEALTHY', nextHash), patience);
  expect(first).toMatchObject({ status: 'HEALTHY', hash: nextHash, tell: true });
  expect(judge(first, reading('HEALTHY', nextHash), patience)).toMatchObject({ tell: false });
  expect(judge(first, reading('HEALTHY', hash), patience)).toMatchObject({ hash, tell: true });
});

test('a bot that is unhealthy on another configuration is told so once that is confirmed', () => {
  for (const status of ['HEALTHY', 'UNHEALTHY'] as const) {
    const once = judge({ ...well, status }, reading('UNHEALTHY', nextHash), patience);
    expect(once).toMatchObject({ status, hash, failures: 1, tell: false, againMs: confirmMs });
    expect(judge(once, reading('UNHEALTHY', nextHash), patience)).toMatchObject({
      status: 'UNHEALTHY',
      hash: nextHash,
      tell: true,
    });
  }
});

test('a configuration that is not known, and an answer that could not be had, are no news of a configuration', () => {
  expect(judge(well, reading('HEALTHY', null), patience)).toMatchObject({ hash, tell: false });
  const unknown: Standing = { status: 'UNKNOWN', hash, failures: 0, unknowns: 9 };
  expect(judge(unknown, reading('UNKNOWN', nextHash), patience)).toMatchObject({ hash, tell: false });
});
