import type { Problem } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import { describe, expect, test } from 'vitest';
import { conclude as conclusionOf } from './conclude.ts';
import { bots } from './decider.ts';
import type { BotCommand } from './prepared.ts';
import type { BotFact } from './state.ts';
import {
  anna,
  askAgain,
  author,
  botId,
  changeSetId,
  conclude,
  create,
  denial,
  fleetId,
  fleetIn,
  given,
  hashOf,
  id,
  last,
  manifestWith,
  propose,
  resolved,
  retire,
  rollBack,
  run,
} from './testing.ts';

describe('creating a bot', () => {
  test('proposes its first version, and the bot exists only once policy took it', () => {
    given()
      .when(create(10))
      .then({
        type: 'config.manifest.proposed.v1',
        data: {
          proposalId: id(10),
          botId,
          fleetId,
          fleetName: 'support',
          environment: 'dev',
          origin: 'create',
          reason: '',
          forChangeSetId: null,
          author,
          version: 1,
          manifest: manifestWith('info'),
          resolved: resolved('info'),
          hash: hashOf('info'),
          layers: { version: 0, applied: [] },
        },
      });
    given(...run(create(10)))
      .when(conclude(11, 10))
      .thenTypes('config.bot.created.v1', 'config.manifest.published.v1');
  });
  test('publishes version 1, generation 1, with the id of the change set that follows', () => {
    expect(last(anna)?.data).toMatchObject({
      version: 1,
      generation: 1,
      previous: null,
      fleetStatus: 'ACTIVE',
      changeSetId: derivedId(id(10), 'change-set'),
      author,
    });
  });
  test('starts no change set where the fleet releases by hand', () => {
    const facts = run(create(10, fleetIn('ACTIVE', 'manual')), conclude(11, 10, true, fleetIn('ACTIVE', 'manual')));
    expect(last(facts)?.data).toMatchObject({ changeSetId: null });
  });
  test('is refused in a draining fleet, also if it began to drain meanwhile', () => {
    given()
      .when(create(10, fleetIn('DRAINING')))
      .rejects('config.fleet-draining');
    given(...run(create(10)))
      .when(conclude(11, 10, true, fleetIn('DRAINING')))
      .thenTypes('config.manifest.refused.v1');
  });
  test('carries the packs that its fleet enforces, and is refused if there are more of them meanwhile', () => {
    const [one, two] = ['builtin-production-guardrails', 'builtin-security-baseline'];
    const enforcing = (...enforcedPolicyPackIds: readonly string[]) => ({ ...fleetIn(), enforcedPolicyPackIds });
    const proposed = run(create(10, enforcing(one)));
    expect(last(proposed)?.data).toMatchObject({ enforcedPolicyPackIds: [one] });
    for (const enforced of [[one], []]) {
      given(...proposed)
        .when(conclude(11, 10, true, enforcing(...enforced)))
        .thenTypes('config.bot.created.v1', 'config.manifest.published.v1');
    }
    const refused = run(create(10, enforcing(one)), conclude(11, 10, true, enforcing(one, two)));
    expect(last(refused)).toMatchObject({ type: 'config.manifest.refused.v1', data: { code: 'config.fleet-changed' } });
  });
  test('is taken in a paused fleet', () =>
    given()
      .when(create(10, fleetIn('PAUSED')))
      .thenTypes('config.manifest.proposed.v1'));
  test('is refused without a fleet', () => given().when(create(10, null)).rejects('config.fleet-not-found'));
  test('names all that is wrong with the manifest', () => {
    const secret: Problem = { path: 'spec.config.a', code: 'config.secret-literal', message: 'A secret.' };
    given()
      .when(create(10, fleetIn(), [secret]))
      .rejects('config.secret-literal');
    given()
      .when(create(10, fleetIn(), [secret, denial]))
      .rejects('config.manifest-invalid');
  });
  test('after a refusal leaves no bot', () => {
    const facts = run(create(10), conclude(11, 10, false));
    expect(last(facts)).toMatchObject({ type: 'config.manifest.refused.v1', data: { code: 'policy.denied' } });
    given(...facts)
      .when(propose(12, 'debug'))
      .rejects('config.bot-not-found');
  });
});

describe('proposing a version', () => {
  test('appends a version and raises the generation, because the content is another', () => {
    const facts = run(create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12));
    expect(last(facts)?.data).toMatchObject({
      version: 2,
      generation: 2,
      origin: 'update',
      reason: 'because',
      previous: { version: 1, generation: 1, hash: hashOf('info') },
      hash: hashOf('debug'),
    });
  });
  test('with the same content appends a version of the same generation', () => {
    const facts = run(create(10), conclude(11, 10), propose(12, 'info'), conclude(13, 12));
    expect(last(facts)?.data).toMatchObject({ version: 2, generation: 1 });
  });
  test('takes the place of one that is still open, which is refused', () => {
    given(...anna, ...run(create(10), conclude(11, 10), propose(12, 'debug')).slice(anna.length))
      .when(propose(14, 'warn'))
      .thenTypes('config.manifest.refused.v1', 'config.manifest.proposed.v1');
    const facts = run(create(10), conclude(11, 10), propose(12, 'debug'), propose(14, 'warn'));
    given(...facts)
      .when(conclude(15, 12))
      .thenNothing();
    given(...facts)
      .when(conclude(15, 14))
      .thenTypes('config.manifest.published.v1');
  });
  test('under If-Match is done at that version only; a proposal alone does not change it', () => {
    given(...anna)
      .when(propose(12, 'debug', { expectedVersion: 3 }))
      .thenTypes('config.manifest.proposed.v1');
    given(...run(create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12, false)))
      .when(propose(14, 'warn', { expectedVersion: 3 }))
      .thenTypes('config.manifest.proposed.v1');
    given(...run(create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12)))
      .when(propose(14, 'warn', { expectedVersion: 3 }))
      .rejects('config.version-mismatch');
  });
  test('cannot give the bot another name', () =>
    given(...anna)
      .when(propose(12, 'info', { name: 'berta' }))
      .rejects('config.field-immutable'));
  test('is refused where policy says no, and the bot keeps what it had', () => {
    const facts = run(create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12, false));
    const again = [...facts, ...bots.decide(propose(14, 'warn'), facts.reduce(bots.evolve, bots.initial))];
    expect(last(again)?.data).toMatchObject({ version: 2 });
  });
  test('a verdict that comes twice changes nothing', () =>
    given(...anna)
      .when(conclude(12, 10))
      .thenNothing());
});

describe('rolling back', () => {
  const two = run(create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12));
  const back = { version: 1, level: 'info' };
  test('appends the old content with its old hash and a new generation', () => {
    const facts = run(create(10), conclude(11, 10), propose(12, 'debug'), conclude(13, 12), rollBack(14, back));
    const state = facts.reduce(bots.evolve, bots.initial);
    expect(bots.decide(conclude(15, 14), state).at(-1)?.data).toMatchObject({
      version: 3,
      generation: 3,
      origin: 'rollback',
      hash: hashOf('info'),
      changeSetId: derivedId(id(14), 'change-set'),
    });
  });
  test('for a change set starts no other change set', () => {
    const asked = rollBack(14, back, { toVersion: 1, fromVersion: 2, forChangeSetId: changeSetId });
    const facts = [...two, ...bots.decide(asked, two.reduce(bots.evolve, bots.initial))];
    const published = bots.decide(conclude(15, 14), facts.reduce(bots.evolve, bots.initial));
    expect(published.at(-1)?.data).toMatchObject({ changeSetId: null, forChangeSetId: changeSetId });
  });
  test('for a change set says as an event that somebody changed the bot since', () => {
    given(...two)
      .when(rollBack(14, back, { toVersion: 1, fromVersion: 1, forChangeSetId: changeSetId }))
      .thenTypes('config.manifest.refused.v1');
    given(...two)
      .when(rollBack(14, back, { toVersion: 1, fromVersion: 1 }))
      .rejects('config.changed-since');
  });
  test('a retired bot is refused as an event, too', () =>
    given(...two, ...bots.decide(retire, two.reduce(bots.evolve, bots.initial)))
      .when(rollBack(14, back, { toVersion: 1, forChangeSetId: changeSetId }))
      .thenTypes('config.manifest.refused.v1'));
  test('needs an earlier version', () => {
    given(...anna)
      .when(rollBack(14, null))
      .rejects('config.no-earlier-version');
    given(...two)
      .when(rollBack(14, null, { toVersion: 7 }))
      .rejects('config.manifest-version-not-found');
  });
});

describe('retiring', () => {
  test('ends the bot and whatever is proposed for it', () =>
    given(...run(create(10), conclude(11, 10), propose(12, 'debug')))
      .when(retire)
      .thenTypes('config.manifest.refused.v1', 'config.bot.retired.v1'));
  test('is for ever', () => {
    const gone = [...anna, ...bots.decide(retire, anna.reduce(bots.evolve, bots.initial))];
    given(...gone)
      .when(retire)
      .rejects('config.bot-not-found');
    given(...gone)
      .when(create(20))
      .rejects('config.bot-exists');
    given(...gone)
      .when(conclude(21, 10))
      .thenNothing();
  });
});

describe('outcomes', () => {
  const outcomes = (command: BotCommand, before: readonly BotFact[]) =>
    conclusionOf(command, bots.decide(command, before.reduce(bots.evolve, bots.initial)), 9);
  test('a proposal stays pending', () =>
    expect(outcomes(create(10), [])).toEqual({ own: { status: 'PENDING' }, others: [] }));
  test('a verdict ends the command that proposed', () => {
    const result = {
      botId,
      version: 1,
      hash: hashOf('info'),
      generation: 1,
      changeSetId: derivedId(id(10), 'change-set'),
    };
    expect(outcomes(conclude(11, 10), run(create(10)))).toEqual({
      own: { status: 'DONE', result: { version: 9 } },
      others: [{ commandId: id(10), outcome: { status: 'DONE', result } }],
    });
  });
  test('a denial ends it with the violations', () =>
    expect(outcomes(conclude(11, 10, false), run(create(10))).others).toEqual([
      {
        commandId: id(10),
        outcome: {
          status: 'REFUSED',
          code: 'policy.denied',
          message: 'Policy denies this manifest: Loopback only.',
          errors: [denial],
        },
      },
    ]));
  test('a newer proposal ends the older command', () =>
    expect(outcomes(propose(14, 'warn'), run(create(10), conclude(11, 10), propose(12, 'debug')))).toMatchObject({
      own: { status: 'PENDING' },
      others: [{ commandId: id(12), outcome: { status: 'REFUSED', code: 'config.superseded' } }],
    }));
});

describe('a verdict that does not come', () => {
  const asked = (n: number): BotFact => ({
    type: 'config.verdict.asked.v1',
    data: {
      proposalId: id(10),
      botId,
      fleetId,
      environment: 'dev',
      origin: 'create',
      resolved: resolved('info'),
      asked: n,
    },
  });
  test('is asked for again, each time once, and the proposal stays what it is', () => {
    const proposed = run(create(10));
    given(...proposed)
      .when(askAgain(11, 10, 2))
      .then(asked(2));
    given(...proposed, asked(2))
      .when(askAgain(11, 10, 2))
      .thenNothing();
    given(...proposed, asked(2))
      .when(askAgain(12, 10, 3))
      .then(asked(3));
    given(...proposed, asked(2))
      .when(conclude(13, 10))
      .thenTypes('config.bot.created.v1', 'config.manifest.published.v1');
  });
  test('is not asked for where the proposal has ended', () => {
    given()
      .when(askAgain(11, 10, 2))
      .thenNothing();
    given(...anna)
      .when(askAgain(20, 10, 2))
      .thenNothing();
    given(...run(create(10), conclude(11, 10), retire))
      .when(askAgain(20, 10, 2))
      .thenNothing();
  });
});
