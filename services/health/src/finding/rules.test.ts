import { expect, test } from 'vitest';
import { defaultLimits, findingsOf, momentsMax, type Seen } from './rules.ts';

const nowMs = Date.parse('2026-11-21T10:00:00.000Z');
const { unhealthyMs, wellMs, windowMs, restartsMin, flipsMin, flipsOver } = defaultLimits;
const seen = (more: Partial<Seen> = {}): Seen => ({
  status: 'HEALTHY',
  changedMs: nowMs - 3_600_000,
  detail: 'it answers',
  hash: null,
  rest: null,
  flipsMs: [],
  restartsMs: [],
  open: [],
  ...more,
});
const find = (more: Partial<Seen>, atMs = nowMs) => {
  const { begun, over } = findingsOf(seen(more), atMs, defaultLimits);
  return { begun: begun.map(({ kind }) => kind), over: over.map(({ kind }) => kind) };
};
const moments = (times: number) => Array.from({ length: times }, (_, at) => nowMs - (times - at) * 1_000);
const nothing = { begun: [], over: [] };

test('a bot that is well has no finding', () => {
  expect(find({})).toEqual(nothing);
});

test('a bot is a finding once it has been unhealthy for two minutes, and not before', () => {
  const since = (forMs: number) => ({ status: 'UNHEALTHY' as const, changedMs: nowMs - forMs });
  expect(find(since(unhealthyMs - 1))).toEqual(nothing);
  expect(find(since(unhealthyMs)).begun).toEqual(['UNHEALTHY']);
  const [finding] = findingsOf(seen({ ...since(unhealthyMs), detail: 'no answer' }), nowMs, defaultLimits).begun;
  expect(finding).toEqual({
    kind: 'UNHEALTHY',
    severity: 'CRITICAL',
    title: 'It has been unhealthy for 120 s.',
    since: '2026-11-21T09:58:00.000Z',
    evidence: { since: '2026-11-21T09:58:00.000Z', detail: 'no answer', hash: null, unhealthyS: 120 },
  });
});

test('an open finding is not opened again', () => {
  expect(find({ status: 'UNHEALTHY', open: ['UNHEALTHY'] })).toEqual(nothing);
  expect(find({ restartsMs: moments(restartsMin), open: ['RESTARTING'] })).toEqual(nothing);
});

test('an unhealthy bot that is well for a moment stays a finding; one that is well for a minute does not', () => {
  const open = ['UNHEALTHY'] as const;
  expect(find({ changedMs: nowMs - wellMs + 1, open })).toEqual(nothing);
  expect(find({ changedMs: nowMs - wellMs, open }).over).toEqual(['UNHEALTHY']);
  expect(find({ status: 'DEGRADED', changedMs: nowMs - wellMs, open }).over).toEqual(['UNHEALTHY']);
});

test('a bot that could not be asked keeps its finding: nothing is known of it', () => {
  expect(find({ status: 'UNKNOWN', open: ['UNHEALTHY'] })).toEqual(nothing);
});

test('a bot that was brought back three times within ten minutes restarts again and again, until ten minutes pass', () => {
  expect(find({ restartsMs: moments(restartsMin - 1) })).toEqual(nothing);
  expect(find({ restartsMs: moments(restartsMin) }).begun).toEqual(['RESTARTING']);
  const open = { restartsMs: moments(restartsMin), open: ['RESTARTING'] as const };
  expect(find(open, nowMs + windowMs - 2_000)).toEqual(nothing);
  expect(find(open, nowMs + windowMs).over).toEqual(['RESTARTING']);
});

test('a bot flaps at seven changes within ten minutes, and until there are no more than two', () => {
  expect(find({ flipsMs: moments(flipsMin - 1) })).toEqual(nothing);
  expect(find({ flipsMs: moments(flipsMin) }).begun).toEqual(['FLAPPING']);
  expect(find({ flipsMs: moments(flipsOver + 1), open: ['FLAPPING'] })).toEqual(nothing);
  expect(find({ flipsMs: moments(flipsOver), open: ['FLAPPING'] }).over).toEqual(['FLAPPING']);
});

test('changes of long ago do not count', () => {
  expect(find({ flipsMs: moments(flipsMin), restartsMs: moments(restartsMin) }, nowMs + windowMs)).toEqual(nothing);
});

test('a bot at rest has no finding of these, and what others found of it is theirs', () => {
  const bad = { status: 'UNHEALTHY', restartsMs: moments(restartsMin), rest: 'the bot is stopped' } as const;
  expect(find(bad)).toEqual(nothing);
  expect(find({ ...bad, open: ['UNHEALTHY', 'RESTARTING', 'RUNAWAY'] })).toEqual({
    begun: [],
    over: ['UNHEALTHY', 'RESTARTING'],
  });
});

test('more moments are remembered than any limit asks for', () => {
  expect(momentsMax).toBeGreaterThan(Math.max(restartsMin, flipsMin));
});
