import { describe, expect, test } from 'vitest';
import { bots } from './decider.ts';
import {
  anna,
  author,
  botId,
  changeSetId,
  conclude,
  create,
  fleetId,
  fleetIn,
  given,
  hashOf,
  id,
  manifestWith,
  profile,
  propose,
  resolveAgain,
  resolved,
  retire,
  rollBack,
  run,
} from './testing.ts';

describe('a changed layer', () => {
  test('proposes the same manifest with its new resolution, for the change set that brings it', () => {
    given(...anna)
      .when(resolveAgain(20, 1, 'warn'))
      .then({
        type: 'config.manifest.proposed.v1',
        data: {
          proposalId: id(20),
          botId,
          fleetId,
          fleetName: 'support',
          environment: 'dev',
          origin: 'layers',
          reason: 'profile quiet updated',
          forChangeSetId: null,
          author,
          version: 2,
          manifest: manifestWith('info'),
          resolved: resolved('warn'),
          hash: hashOf('warn'),
          layers: { version: 0, applied: [] },
          layersChangeSetId: changeSetId,
        },
      });
    const facts = [...anna, ...bots.decide(resolveAgain(20, 1, 'warn'), anna.reduce(bots.evolve, bots.initial))];
    const state = facts.reduce(bots.evolve, bots.initial);
    expect(bots.decide(conclude(21, 20), state)[0]?.data).toMatchObject({
      changeSetId,
      layersChangeSetId: changeSetId,
    });
  });
  test('waits for what somebody asked for, and for the newest version to be read', () => {
    given(...run(create(10), conclude(11, 10), propose(12, 'debug')))
      .when(resolveAgain(20, 1, 'warn'))
      .thenNothing();
    given(...run(create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12)))
      .when(resolveAgain(20, 1, 'warn'))
      .thenNothing();
  });
  test('takes the place of an older change of a layer that is still being judged', () =>
    given(...run(create(10), conclude(11, 10), resolveAgain(20, 1, 'warn')))
      .when(resolveAgain(21, 1, 'error'))
      .thenTypes('config.manifest.refused.v1', 'config.manifest.proposed.v1'));
  test.each([
    ['the bot has it already', anna, resolveAgain(20, 1, 'info'), 'config.resolution-unchanged'],
    [
      'it breaks a lock',
      anna,
      resolveAgain(20, 1, 'info', { problems: [{ path: 'spec.config', code: 'config.locked', message: 'Locked.' }] }),
      'config.locked',
    ],
    ['it is more than an event may carry', anna, resolveAgain(20, 1, 'a'.repeat(600 * 1024)), 'config.too-large'],
    [
      'the bot is gone',
      [...anna, ...run(create(10), conclude(11, 10), retire).slice(-1)],
      resolveAgain(20, 1, 'warn'),
      'config.bot-not-found',
    ],
  ] as const)('that comes to nothing is told to its change set: %s', (_, facts, command, code) => {
    const [refused] = bots.decide(command, facts.reduce(bots.evolve, bots.initial));
    expect(refused).toMatchObject({
      type: 'config.manifest.refused.v1',
      data: { code, layersChangeSetId: changeSetId, forChangeSetId: null },
    });
  });
  test('that a timer or a share made leaves a bot alone that was rolled back, until somebody changes something', () => {
    const made = [create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12)];
    const back = run(...made, rollBack(14, { version: 1, level: 'info' }), conclude(15, 14));
    const automatic = (newest: number) => resolveAgain(20, newest, 'warn', { isAutomatic: true });
    const [held] = bots.decide(automatic(3), back.reduce(bots.evolve, bots.initial));
    expect(held).toMatchObject({
      type: 'config.manifest.refused.v1',
      data: { code: 'config.held-after-rollback', layersChangeSetId: changeSetId, forChangeSetId: null },
    });
    given(...back)
      .when(resolveAgain(20, 3, 'warn'))
      .thenTypes('config.manifest.proposed.v1');
    given(...run(create(10), conclude(11, 10)))
      .when(automatic(1))
      .thenTypes('config.manifest.proposed.v1');
    const proposed = [...back, ...bots.decide(propose(16, 'error'), back.reduce(bots.evolve, bots.initial))];
    const published = bots.decide(conclude(17, 16), proposed.reduce(bots.evolve, bots.initial));
    given(...proposed, ...published)
      .when(automatic(4))
      .thenTypes('config.manifest.proposed.v1');
  });
  test('between proposal and verdict refuses what it makes another, and only that', () => {
    const proposed = given(...run(create(10), conclude(11, 10), propose(12, 'debug')));
    proposed
      .when(conclude(13, 12, true, fleetIn(), profile({ spec: { config: { logging: { file: '/tmp/log' } } } })))
      .thenTypes('config.manifest.refused.v1');
    proposed
      .when(conclude(13, 12, true, fleetIn(), profile({ spec: { config: { logging: { level: 'warn' } } } })))
      .thenTypes('config.manifest.published.v1');
  });
  test('does not keep a bot from going back to what it was', () =>
    given(
      ...run(
        create(10),
        conclude(11, 10),
        propose(12, 'debug'),
        conclude(13, 12),
        rollBack(14, { version: 1, level: 'info' }),
      ),
    )
      .when(conclude(15, 14, true, fleetIn(), profile({ spec: { config: { logging: { file: '/tmp/log' } } } })))
      .thenTypes('config.manifest.published.v1'));
});
