import { expect, test } from 'vitest';
import { checksOf, overallOf, quietMsMax } from './checks.ts';
import type { Seen } from './seen.ts';

const now = '2026-11-21T10:00:00.000Z';
const nowMs = Date.parse(now);
const hash = `sha256:${'a'.repeat(64)}`;
const otherHash = `sha256:${'b'.repeat(64)}`;
const well: Seen = {
  bot: {
    name: 'anna',
    fleetId: '0193a000-0000-7000-8000-00000000000f',
    fleetName: 'support',
    status: 'RUNNING',
    manifestVersion: 3,
    engineVersion: '2026.9.6',
    desiredHash: hash,
    createdAt: now,
  },
  reconciler: { desiredHash: hash, observedHash: hash, driftStatus: 'IN_SYNC', drift: [], lastError: null },
  health: { status: 'HEALTHY', changedAt: now, detail: 'it answers' },
  findings: [],
  lastRequestAt: now,
  tracing: true,
  manifest: { is: 'known', errors: [] },
  probe: {
    is: 'known',
    status: 'HEALTHY',
    latencyMs: 12,
    detail: 'it answers',
    probedAt: now,
    version: '2026.9.6',
    protocol: 4,
    simulated: false,
  },
};
const look = (more: Partial<Seen>) => {
  const checks = checksOf({ ...well, ...more }, nowMs);
  const worst = checks.filter(({ status }) => status !== 'PASS');
  return {
    overall: overallOf(checks),
    not: Object.fromEntries(worst.map(({ check, status, repair }) => [check, [status, repair?.action ?? null]])),
  };
};
const reconciler = (more: Partial<NonNullable<Seen['reconciler']>>) => ({
  reconciler: {
    desiredHash: hash,
    observedHash: hash,
    driftStatus: 'IN_SYNC' as const,
    drift: [],
    lastError: null,
    ...more,
  },
});
const probe = (more: Partial<Extract<Seen['probe'], { is: 'known' }>>) => ({
  probe: {
    is: 'known' as const,
    status: 'HEALTHY' as const,
    latencyMs: null,
    detail: 'it answers',
    probedAt: now,
    version: null,
    protocol: null,
    simulated: false,
    ...more,
  },
});

test('a bot that is as it should be passes every check', () => {
  expect(look({})).toEqual({ overall: 'PASS', not: {} });
});

test('a bot that does not answer fails and may be restarted; what it says of itself is skipped, not invented', () => {
  expect(look(probe({ status: 'UNHEALTHY', detail: 'no answer' }))).toEqual({
    overall: 'FAIL',
    not: { reachable: ['FAIL', 'restart'], 'own-health': ['SKIP', null], version: ['SKIP', null] },
  });
});

test('a bot that answers that it is not ok is warned of', () => {
  expect(look(probe({ status: 'DEGRADED', version: '2026.9.6' }))).toEqual({
    overall: 'WARN',
    not: { 'own-health': ['WARN', null] },
  });
});

test('another version or configuration than released fails and may be reconciled', () => {
  expect(look(probe({ version: '2026.8.1' })).not).toEqual({ version: ['FAIL', 'reconcile'] });
  expect(look(reconciler({ observedHash: otherHash })).not).toEqual({ 'configuration-applied': ['FAIL', 'reconcile'] });
});

test('a version that waits for its change set is warned of; a bot to which none was released is not compared', () => {
  const newer = reconciler({ desiredHash: otherHash, observedHash: otherHash });
  expect(look(newer).not).toEqual({ 'configuration-released': ['WARN', null] });
  expect(look({ reconciler: null }).not).toMatchObject({
    'configuration-released': ['WARN', null],
    'configuration-applied': ['SKIP', null],
    drift: ['SKIP', null],
  });
});

test('drift, an error of the reconciler and bad health fail', () => {
  expect(look(reconciler({ driftStatus: 'DRIFTED' })).not).toEqual({ drift: ['FAIL', 'reconcile'] });
  expect(look({ bot: { ...well.bot, status: 'ERROR' } }).not).toEqual({ status: ['FAIL', 'reconcile'] });
  const health = { status: 'UNHEALTHY', changedAt: now, detail: 'no answer' } as const;
  expect(look({ health }).not).toEqual({ health: ['FAIL', 'restart'] });
});

test('a bot that is stopped is not ill', () => {
  const stopped = { bot: { ...well.bot, status: 'STOPPED' }, ...probe({ status: 'UNKNOWN' }) } as const;
  expect(look(stopped).overall).toBe('PASS');
});

test('the worst open finding says what is wrong and what helps', () => {
  const id = '0193a000-0000-7000-8000-0000000000e1';
  const flapping = { id, kind: 'FLAPPING', severity: 'WARNING', title: 'It flaps.' } as const;
  const runaway = { id, kind: 'RUNAWAY', severity: 'CRITICAL', title: 'A loop.' } as const;
  expect(look({ findings: [flapping] }).not).toEqual({ findings: ['WARN', 'none'] });
  expect(look({ findings: [flapping, runaway] }).not).toEqual({ findings: ['FAIL', 'restart'] });
});

test('traces that never came or are a day old are warned of, unless the bot is to send none', () => {
  const old = new Date(nowMs - quietMsMax - 1).toISOString();
  for (const lastRequestAt of [null, old]) {
    expect(look({ lastRequestAt }).not).toEqual({ traces: ['WARN', null] });
    expect(look({ lastRequestAt, tracing: false })).toEqual({ overall: 'PASS', not: { traces: ['SKIP', null] } });
  }
});

test('a manifest with errors fails with them; a service that is away leaves its checks open', () => {
  const error = { path: 'spec.config.port', code: 'config.schema', message: 'must be a number' };
  const checks = checksOf({ ...well, manifest: { is: 'known', errors: [error] } }, nowMs);
  expect(checks.find(({ check }) => check === 'manifest-valid')).toMatchObject({
    status: 'FAIL',
    evidence: { manifestVersion: 3, errors: [error] },
  });
  const away = { is: 'unknown', why: 'No answer within 10 s.' } as const;
  expect(look({ manifest: away, probe: away })).toEqual({
    overall: 'PASS',
    not: {
      'manifest-valid': ['SKIP', null],
      reachable: ['SKIP', null],
      'own-health': ['SKIP', null],
      version: ['SKIP', null],
    },
  });
});
