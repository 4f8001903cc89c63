import { specification } from '@molthub/decider/testing';
import { expect, test } from 'vitest';
import { botHealth } from './decider.ts';
import { fleetHealth, statusOf } from './fleet/decider.ts';

const botId = '0193a000-0000-7000-8000-0000000000b1';
const fleetId = '0193a000-0000-7000-8000-00000000000f';
const envelope = {
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: { kind: 'service', id: 'health', name: 'health' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const reading = {
  botId,
  fleetId,
  detail: 'it answers',
  latencyMs: 3,
  failures: 0,
  probedAt: '2026-11-21T10:00:00.000Z',
  hash: null,
  simulated: false,
};
const report = (status: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN') => ({
  ...envelope,
  type: 'health.bot.report-probe.v1' as const,
  data: { ...reading, status },
});
const changed = (from: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN', to: 'HEALTHY' | 'UNHEALTHY' | 'UNKNOWN') => ({
  type: 'health.bot.changed.v1' as const,
  data: { ...reading, from, to },
});
const bot = specification(botHealth);
const fleet = specification(fleetHealth);

test('a first good reading changes a bot from unknown to healthy', () => {
  bot.given().when(report('HEALTHY')).then(changed('UNKNOWN', 'HEALTHY'));
});

test('an identical reading is no event', () => {
  bot.given(changed('UNKNOWN', 'HEALTHY')).when(report('HEALTHY')).thenNothing();
  bot.given().when(report('UNKNOWN')).thenNothing();
});

test('the same health of another configuration is told once, with the configuration', () => {
  const of = (hash: string | null, status: 'HEALTHY' | 'UNKNOWN' = 'HEALTHY') => {
    const { data, ...command } = report(status);
    return { ...command, data: { ...data, hash } };
  };
  const hash = `sha256:${'a'.repeat(64)}`;
  const told = {
    type: 'health.bot.changed.v1' as const,
    data: { ...reading, hash, from: 'HEALTHY', to: 'HEALTHY' },
  } as const;
  bot.given(changed('UNKNOWN', 'HEALTHY')).when(of(hash)).then(told);
  bot.given(changed('UNKNOWN', 'HEALTHY'), told).when(of(hash)).thenNothing();
  bot.given(changed('UNKNOWN', 'HEALTHY'), told).when(of(null)).thenNothing();
  bot.given().when(of(hash, 'UNKNOWN')).thenNothing();
});

test('each change says what it was before', () => {
  bot.given(changed('UNKNOWN', 'HEALTHY')).when(report('UNHEALTHY')).then(changed('HEALTHY', 'UNHEALTHY'));
});

test('a fleet tells its counts when they change, and only then', () => {
  const counts = { healthy: 2, degraded: 0, unhealthy: 1, unknown: 0 };
  const command = { ...envelope, type: 'health.fleet.report.v1' as const, data: { fleetId, counts } };
  const told = { type: 'health.fleet.changed.v1' as const, data: { fleetId, status: 'UNHEALTHY' as const, counts } };
  fleet.given().when(command).then(told);
  fleet.given(told).when(command).thenNothing();
});

test('a fleet is as bad as its worst bot, and unknown only if nothing is known', () => {
  const none = { healthy: 0, degraded: 0, unhealthy: 0, unknown: 0 };
  expect(statusOf(none)).toBe('UNKNOWN');
  expect(statusOf({ ...none, unknown: 3 })).toBe('UNKNOWN');
  expect(statusOf({ ...none, healthy: 1, unknown: 3 })).toBe('HEALTHY');
  expect(statusOf({ ...none, healthy: 9, degraded: 1 })).toBe('DEGRADED');
  expect(statusOf({ ...none, healthy: 9, degraded: 1, unhealthy: 1 })).toBe('UNHEALTHY');
});
