import type { ResolvedManifest } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { asDifference, engineConfig, hasChannels, withChannelsCut } from './openclaw-config.ts';

const manifest = (more: Partial<ResolvedManifest['spec']>): ResolvedManifest => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'a' },
  spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config: {}, ...more },
});

describe("a bot's configuration", () => {
  test('is its config where nothing else says anything', () =>
    expect(engineConfig(manifest({ config: { tools: { deny: ['x'] } } }))).toEqual({ tools: { deny: ['x'] } }));
  test('takes the log level of the manifest, unless it names its own', () => {
    expect(engineConfig(manifest({ observability: { logLevel: 'debug' } }))).toEqual({ logging: { level: 'debug' } });
    const own = { config: { logging: { level: 'warn' } }, observability: { logLevel: 'debug' } } as const;
    expect(engineConfig(manifest(own))).toEqual({ logging: { level: 'warn' } });
  });
  test('takes the channels of the manifest', () => {
    const channels = [{ type: 'telegram', enabled: true, config: { dmPolicy: 'pairing' } }];
    expect(engineConfig(manifest({ channels }))).toEqual({
      channels: { telegram: { enabled: true, dmPolicy: 'pairing' } },
    });
  });
});

test('cutting switches every channel off and changes nothing else', () => {
  const config = { channels: { defaults: { x: 1 }, telegram: { enabled: true, a: 1 }, irc: {} }, tools: {} };
  const cut = withChannelsCut(config);
  expect(cut).toEqual({
    channels: { defaults: { x: 1 }, telegram: { enabled: false, a: 1 }, irc: { enabled: false } },
    tools: {},
  });
  expect([hasChannels(config), hasChannels(cut), hasChannels({})]).toEqual([true, false, false]);
  expect(withChannelsCut({})).toEqual({});
});

test('a difference is classed by what it is about', () => {
  const classOf = (path: string) => asDifference({ path, desired: 1, observed: undefined }).class;
  expect(['gateway.port', 'gateway.auth.token', 'logging.level'].map(classOf)).toEqual(['port', 'secret', 'config']);
});
