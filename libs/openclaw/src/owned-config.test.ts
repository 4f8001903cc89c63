import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { equalJson, type JsonObject, withAt } from './json-tree.ts';
import { observedConfig, ownedReasons, withOwned } from './owned-config.ts';

const owned = { port: 18_789, token: 't'.repeat(40), logFile: '/bots/1/bot.log', workspace: '/bots/1/state/workspace' };

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** Configs as users write them, with and without the neighbours of the keys that Molthub sets. */
const desiredConfig = fc
  .record({
    logging: optional(fc.record({ level: fc.constantFrom('info', 'debug') }, { requiredKeys: [] })),
    gateway: optional(
      fc.record(
        { mode: fc.constant('local'), controlUi: fc.record({ basePath: fc.string() }), auth: fc.constant({}) },
        { requiredKeys: [] },
      ),
    ),
    agents: optional(
      fc.record(
        {
          defaults: fc.record({ workspace: fc.string(), model: fc.string() }, { requiredKeys: [] }),
          entries: fc.constant({ main: {} }),
        },
        { requiredKeys: [] },
      ),
    ),
    update: optional(fc.constant({})),
    tools: optional(fc.constant({ deny: ['browser'] })),
  })
  .map((config): JsonObject => Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)));

test('what nobody changed is observed as desired, whatever OpenClaw and Molthub add', () => {
  fc.assert(
    fc.property(desiredConfig, fc.boolean(), (desired, touched) => {
      const written = withOwned(desired, owned);
      const meta = withAt(written, ['meta'], { lastTouchedVersion: '2026.9.6' });
      const file = touched ? withAt(meta, ['agents', 'entries', 'main'], {}) : written;
      expect(equalJson(observedConfig(file, { owned, desired }), desired)).toBe(true);
    }),
  );
});

test('a changed key of Molthub stays visible, a removed one shows as null', () => {
  const desired = { logging: { level: 'info' } };
  const written = withOwned(desired, owned);
  const moved = withAt(written, ['gateway', 'port'], 9);
  expect(observedConfig(moved, { owned, desired })).toEqual({ ...desired, gateway: { port: 9 } });
  const removed = withAt(written, ['gateway', 'auth', 'token'], undefined);
  expect(observedConfig(removed, { owned, desired })).toEqual({ ...desired, gateway: { auth: { token: null } } });
});

test('the token as the gateway shows it counts as the token', () => {
  const shown = withAt(withOwned({}, owned), ['gateway', 'auth', 'token'], '__OPENCLAW_REDACTED__');
  expect(observedConfig(shown, { owned, desired: {} })).toEqual({});
});

test('an agent "main" with settings is the doing of somebody', () => {
  const file = withAt(withOwned({}, owned), ['agents', 'entries', 'main'], { skills: ['x'] });
  expect(observedConfig(file, { owned, desired: {} })).toEqual({ agents: { entries: { main: { skills: ['x'] } } } });
});

test('a workspace that the user names is kept', () => {
  const desired = { agents: { defaults: { workspace: '/mine' } } };
  expect(withOwned(desired, owned)).toMatchObject(desired);
});

test('a config that sets what Molthub decides is refused by path', () => {
  const desired = {
    gateway: { port: 1, bind: 'lan', mode: 'local', auth: { mode: 'none', token: 'x' } },
    meta: {},
    logging: { file: '/x' },
  };
  expect(ownedReasons(desired).map(({ path }) => path)).toEqual([
    'spec.config.gateway.port',
    'spec.config.gateway.bind',
    'spec.config.gateway.auth.mode',
    'spec.config.gateway.auth.token',
    'spec.config.logging.file',
    'spec.config.meta',
  ]);
  expect(
    ownedReasons({
      gateway: { mode: 'local', bind: 'loopback', auth: { mode: 'token' } },
      update: { checkOnStart: false },
    }),
  ).toEqual([]);
});
