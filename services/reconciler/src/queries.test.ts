import { Rejected } from '@molthub/decider';
import { expect, test } from 'vitest';
import type { BotRow } from './bot-row.ts';
import { observedConfigOf } from './queries.ts';
import { desiredBot, simulatedManifest } from './target.conformance.ts';

const desired = desiredBot();
const item = (path: string, owner: 'bot' | 'unknown' = 'bot') =>
  ({ class: 'config', path, desired: 1, observed: 2, owner, since: '2026-11-21T10:00:00.000Z' }) as const;
const row = (...drift: BotRow['drift']): BotRow => ({
  workspace: 'default',
  bot_id: desired.botId,
  fleet_id: desired.fleetId,
  bot_name: 'sim',
  environment: 'dev',
  status: 'DEGRADED',
  wanted: 'RUNNING',
  restarts: 0,
  generation: 4,
  desired_hash: desired.hash,
  manifest_version: 7,
  observed_generation: 4,
  resolved: simulatedManifest(),
  target: 'simulated',
  simulated: true,
  endpoint: null,
  node: null,
  last_error: null,
  drift,
  drift_mode: 'detect',
  version: 9,
});
const of = (patch: Record<string, unknown>, ...paths: readonly string[]) => ({ patch, paths });

test('what a bot changed itself names the version that it differs from and its owner', () =>
  expect(observedConfigOf(row(item('spec.config.logging.level')), of({ logging: { level: 'debug' } }, 'a'))).toEqual({
    version: 7,
    patch: { logging: { level: 'debug' } },
    paths: ['a'],
    owner: 'bot',
  }));
test('changes of several owners have none', () =>
  expect(observedConfigOf(row(item('spec.config.a'), item('spec.config.b', 'unknown')), of({ a: 1 }, 'a')).owner).toBe(
    'unknown',
  ));
test('a secret never becomes desired, and the refusal says where it stands and not what it is', () => {
  const found = of({ channels: { telegram: { botToken: '123:abc' } } }, 'channels.telegram.botToken');
  const accept = () => observedConfigOf(row(item('spec.config.channels')), found);
  expect(accept).toThrow('spec.config.channels.telegram.botToken');
  expect(accept).not.toThrow('123:abc');
});
test('a port or token of Molthub’s own is never accepted', () =>
  expect(() => observedConfigOf(row(item('spec.config.gateway.port')), of({ gateway: { port: 1 } }, 'x'))).toThrow(
    'spec.config.gateway.port',
  ));
test.each([
  ['was never told', row(), of({ a: 1 }, 'a')],
  ['is of its process', row({ ...item('process'), class: 'process' }), of({ a: 1 }, 'a')],
  ['is gone again', row(item('spec.config.a')), of({})],
  ['cannot be read', row(item('spec.config.a')), null],
])('drift that %s is not accepted', (_, bot, found) => expect(() => observedConfigOf(bot, found)).toThrow(Rejected));
