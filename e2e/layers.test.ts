// Layers, through the gateway: what bots resolve to, who is moved when a layer changes, and what is refused.
import { until } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { getBot, isConverged, makeBot, makeFleet, untilBot } from './src/bots.ts';
import { labelled, layersOf, Made } from './src/layers.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { Problem } from './src/shapes.ts';

let molthub: Molthub;
beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
}, 180_000);
afterAll(() => molthub.remove());

const { changeSets, make, patch, untilChangeSet, running, resolvedOf } = layersOf(() => molthub);

describe('profiles', () => {
  test('a bot is built on the profiles of its fleet; editing one moves exactly the bots it should, as one change', async () => {
    const [care, sales] = [await makeFleet(molthub, 'care'), await makeFleet(molthub, 'sales')];
    const profile = await make('profiles', {
      name: 'care-defaults',
      fleetIds: [care.id],
      defaults: { metadata: { labels: { team: 'care' } }, spec: { config: { simulation: { latencyMs: 300 } } } },
    });
    const anna = await running(care.id, labelled('anna', {}));
    const bert = await running(care.id, labelled('bert', {}));
    // It says itself what the profile says, so the profile never decides about it.
    const own = await running(care.id, labelled('own', {}, { simulation: { latencyMs: 111 } }));
    const other = await running(sales.id, labelled('other', {}));
    expect(await resolvedOf(anna.id)).toMatchObject({ config: { simulation: { latencyMs: 300 } } });
    expect(await resolvedOf(own.id)).toMatchObject({ config: { simulation: { latencyMs: 111 } } });
    expect(await resolvedOf(other.id)).not.toMatchObject({ config: { simulation: { latencyMs: 300 } } });

    const changed = await patch('profiles', profile.id, {
      defaults: { metadata: { labels: { team: 'care' } }, spec: { config: { simulation: { latencyMs: 400 } } } },
    });
    expect(changed.status, JSON.stringify(changed.body)).toBe(200);
    const changeSet = await untilChangeSet(care.id, 'profile care-defaults version 2', 'SUCCEEDED');
    expect(changeSet).toMatchObject({ progress: { total: 2 }, refused: 0 });
    for (const { id, generation } of [anna, bert]) {
      const moved = await untilBot(
        molthub,
        id,
        'moved',
        (bot) => bot.generation === generation + 1 && isConverged(bot),
      );
      expect(moved.observedHash).toBe(moved.desiredHash);
      expect(await resolvedOf(id)).toMatchObject({ config: { simulation: { latencyMs: 400 } } });
    }
    for (const still of [own, other]) {
      expect(await getBot(molthub, still.id)).toMatchObject({ manifestVersion: 1, desiredHash: still.desiredHash });
    }
    expect(await changeSets(sales.id)).toHaveLength(1);

    // And back: without the profile the bots are what their own manifests say.
    expect((await molthub.call('DELETE', `/profiles/${profile.id}`)).status).toBe(204);
    await untilChangeSet(care.id, 'profile care-defaults version 3', 'SUCCEEDED');
    expect(await resolvedOf(anna.id)).not.toMatchObject({ config: { simulation: { latencyMs: 400 } } });
  }, 180_000);

  test('a fleet that releases by hand gets a plan that waits', async () => {
    const fleet = await makeFleet(molthub, 'by-hand', { release: { mode: 'manual', strategy: { kind: 'ALL' } } });
    const bot = await makeBot(molthub, fleet.id, labelled('hand', {}));
    await make('profiles', {
      name: 'by-hand',
      fleetIds: [fleet.id],
      defaults: { spec: { config: { simulation: { latencyMs: 5 } } } },
    });
    const planned = await untilChangeSet(fleet.id, 'profile by-hand version 1', 'PLANNED');
    expect(planned).toMatchObject({ progress: { total: 1 } });
    expect(await getBot(molthub, bot.id)).toMatchObject({ manifestVersion: 2, observedGeneration: 0 });
    expect((await molthub.call('POST', `/change-sets/${planned.id}/start`, {})).status).toBe(200);
    await untilChangeSet(fleet.id, 'profile by-hand version 1', 'SUCCEEDED');
  }, 120_000);

  test('what policy denies stays as it is, and the change set says so', async () => {
    const fleet = await makeFleet(molthub, 'strict');
    await make('policy-packs', {
      name: 'slow-is-bad',
      isEnforced: true,
      targetTags: { strict: 'yes' },
      rules: [
        {
          id: 'not-slow',
          type: 'field_range',
          config: { field: 'spec.config.simulation.latencyMs', max: 500 },
        },
      ],
    });
    const strict = await running(fleet.id, labelled('strict', { strict: 'yes' }));
    const lax = await running(fleet.id, labelled('lax', {}));
    await make('profiles', {
      name: 'slow',
      fleetIds: [fleet.id],
      defaults: { spec: { config: { simulation: { latencyMs: 900 } } } },
    });
    const changeSet = await untilChangeSet(fleet.id, 'profile slow version 1', 'SUCCEEDED');
    expect(changeSet).toMatchObject({ progress: { total: 1 }, refused: 1 });
    const { body } = await molthub.call('GET', `/change-sets/${changeSet.id}`);
    expect(body).toMatchObject({ refusedBots: [{ botId: strict.id, botName: 'strict', code: 'policy.denied' }] });
    expect(await getBot(molthub, strict.id)).toMatchObject({ manifestVersion: 1 });
    expect(await getBot(molthub, lax.id)).toMatchObject({ manifestVersion: 2 });
  }, 120_000);
});

describe('locks', () => {
  test('nothing gets round a lock, and a new lock names everybody it would break', async () => {
    const fleet = await makeFleet(molthub, 'locked');
    const loud = await makeBot(molthub, fleet.id, labelled('loud', {}, { simulation: { latencyMs: 900 } }));
    const profile = {
      name: 'locked',
      fleetIds: [fleet.id],
      defaults: { spec: { config: { simulation: { latencyMs: 100 } } } },
    };
    const lockedFields = ['spec.config.simulation.latencyMs'];
    const refused = await molthub.call('POST', '/profiles', { ...profile, lockedFields });
    expect(refused.status).toBe(409);
    const problem = Problem.parse(refused.body);
    expect(problem.code).toBe('config.layer-refused');
    expect(problem.errors).toHaveLength(1);
    expect(problem.errors[0]).toMatchObject({ path: 'spec.config.simulation.latencyMs', code: 'config.locked' });
    expect(problem.errors[0]?.message).toMatch(/loud.*locked.*100.*900/);
    expect((await molthub.call('DELETE', `/bot-instances/${loud.id}`)).status).toBeLessThan(300);
    const { id } = await until(
      async () => {
        const answer = await molthub.call('POST', '/profiles', { ...profile, lockedFields });
        return answer.status === 201 ? Made.parse(answer.body) : undefined;
      },
      { what: 'the lock to be taken' },
    );
    const quiet = await makeBot(molthub, fleet.id, labelled('quiet', {}, { simulation: { latencyMs: 100 } }));
    const roundabouts: readonly Record<string, unknown>[] = [
      { simulation: { latencyMs: 900 } },
      { simulation: { latencyMs: null } },
      { simulation: null },
      { simulation: { latencyMs: { $value: 900 } } },
      { simulation: { $value: {} } },
    ];
    for (const config of roundabouts) {
      const answer = await molthub.call('POST', `/bot-instances/${quiet.id}/manifests`, {
        manifest: labelled('quiet', {}, config),
      });
      expect(answer.status, JSON.stringify(config)).toBe(409);
      const { code, errors } = Problem.parse(answer.body);
      expect(code).toBe('config.locked');
      expect(errors[0]?.message).toMatch(/profile "locked" \(version 1\).*the bot's own manifest \(version 2\)/);
    }
    expect((await molthub.call('GET', `/profiles/${id}`)).body).toMatchObject({ version: 1 });
  }, 120_000);

  test('a new lock also names what is not on yet or not for all, and nothing that is over or off', async () => {
    const fleet = await makeFleet(molthub, 'locked-later');
    await makeBot(molthub, fleet.id, labelled('later', {}));
    const target = { fleetId: fleet.id };
    const window = (start: string, end: string) => ({ schedule: { start, end, timeZone: 'UTC' } });
    const overlay = (name: string, latencyMs: number, more: object) =>
      make('overlays', { name, target, priority: latencyMs, patch: latency(latencyMs), ...more });
    const past = window('2020-01-01T00:00:00', '2020-01-02T00:00:00');
    const future = window('2099-01-01T00:00:00', '2099-01-02T00:00:00');
    await overlay('over', 801, past);
    await overlay('off', 802, { ...future, enabled: false });
    await overlay('as-locked', 100, future);
    const coming = await overlay('coming', 803, future);
    const partial = await overlay('partial', 804, { rollout: { percentage: 0 } });
    const profile = {
      name: 'locked-later',
      fleetIds: [fleet.id],
      defaults: latency(100),
      lockedFields: ['spec.config.simulation.latencyMs'],
    };
    const refused = await molthub.call('POST', '/profiles', profile);
    expect(refused.status, JSON.stringify(refused.body)).toBe(409);
    const { code, errors } = Problem.parse(refused.body);
    expect(code).toBe('config.layer-refused');
    const messages = errors.map(({ message }) => message).toSorted();
    expect(messages).toEqual([
      expect.stringMatching(/later.*coming.*803/),
      expect.stringMatching(/later.*partial.*804/),
    ]);
    for (const { id } of [coming, partial]) {
      expect((await molthub.call('DELETE', `/overlays/${id}`)).status).toBe(204);
    }
    await make('profiles', profile);
  }, 120_000);
});

const localTime = (fromNowMs: number) => new Date(Date.now() + fromNowMs).toISOString().slice(0, 19);
const latency = (latencyMs: number) => ({ spec: { config: { simulation: { latencyMs } } } });

describe('overlays', () => {
  test('of one priority that contradict each other once both are on are refused before, and only those', async () => {
    const fleet = await makeFleet(molthub, 'rivals');
    await makeBot(molthub, fleet.id, labelled('between', {}));
    const target = { fleetId: fleet.id };
    const window = (start: string, end: string) => ({ schedule: { start, end, timeZone: 'UTC' } });
    const overlay = (name: string, latencyMs: number, more: object) => ({
      name,
      target,
      priority: 20,
      patch: latency(latencyMs),
      ...more,
    });
    await make('overlays', overlay('spring', 100, window('2099-03-01T00:00:00', '2099-06-01T00:00:00')));
    const clash = await molthub.call('POST', '/overlays', overlay('always', 200, {}));
    expect(clash.status, JSON.stringify(clash.body)).toBe(409);
    const { code, errors } = Problem.parse(clash.body);
    expect([code, errors[0]?.code]).toEqual(['config.layer-refused', 'config.layer-conflict']);
    expect(errors[0]?.message).toMatch(/between.*spring/);
    // Another time, another priority or the same value contradict nothing.
    await make('overlays', overlay('summer', 300, window('2099-06-01T00:00:00', '2099-09-01T00:00:00')));
    await make('overlays', overlay('agreeing', 100, window('2099-04-01T00:00:00', '2099-05-01T00:00:00')));
    await make('overlays', overlay('stronger', 200, { priority: 21 }));
  }, 120_000);

  test('the higher priority wins, and each kind of target reaches the bots it names', async () => {
    const fleet = await makeFleet(molthub, 'overlaid');
    const vip = await running(fleet.id, labelled('vip', { tier: 'gold' }));
    const plain = await running(fleet.id, labelled('plain', {}));
    await make('profiles', { name: 'overlaid', fleetIds: [fleet.id], defaults: latency(10) });
    await make('overlays', { name: 'of-fleet', target: { fleetId: fleet.id }, priority: 10, patch: latency(20) });
    await make('overlays', { name: 'of-gold', target: { tags: { tier: 'gold' } }, priority: 20, patch: latency(30) });
    await make('overlays', { name: 'of-plain', target: { instanceIds: [plain.id] }, priority: 5, patch: latency(40) });
    const resolvesTo = (id: string, latencyMs: number) =>
      until(
        async () => {
          const { config } = await resolvedOf(id);
          return JSON.stringify(config) === JSON.stringify({ simulation: { latencyMs } });
        },
        { what: `bot ${id} to have latency ${latencyMs}` },
      );
    await resolvesTo(vip.id, 30);
    await resolvesTo(plain.id, 20);
    await untilBot(molthub, vip.id, 'converged', (bot) => bot.generation > 1 && isConverged(bot));
  }, 120_000);

  test('a schedule is crossed at its start and at its end: the hash changes twice, and the bot follows twice', async () => {
    const fleet = await makeFleet(molthub, 'scheduled');
    const bot = await running(fleet.id, labelled('scheduled', {}));
    const schedule = { start: localTime(2_000), timeZone: 'UTC' };
    const { id } = await make('overlays', {
      name: 'for-some-time',
      target: { fleetId: fleet.id },
      patch: latency(77),
      schedule,
    });
    expect((await molthub.call('GET', `/overlays/${id}`)).body).toMatchObject({ isActive: false });
    const during = await untilBot(
      molthub,
      bot.id,
      'within the window',
      (now) => now.generation === 2 && isConverged(now),
    );
    expect(during.observedHash).not.toBe(bot.observedHash);
    expect((await molthub.call('GET', `/overlays/${id}`)).body).toMatchObject({ isActive: true });
    const ended = await patch('overlays', id, { schedule: { ...schedule, end: localTime(2_000) } });
    expect(ended.status, JSON.stringify(ended.body)).toBe(200);
    const after = await untilBot(
      molthub,
      bot.id,
      'after the window',
      (now) => now.generation === 3 && isConverged(now),
    );
    expect(after.observedHash).toBe(bot.observedHash);
    const changes = (await changeSets(fleet.id)).map(({ reason }) => reason);
    expect(changes).toEqual(['overlay for-some-time deactivated', 'overlay for-some-time activated', '']);
  }, 120_000);

  test('what was rolled back stays when a schedule is crossed, is named, and moves when somebody changes a layer', async () => {
    const fleet = await makeFleet(molthub, 'held');
    const bot = await running(fleet.id, labelled('held', {}));
    const { id } = await make('profiles', { name: 'bad', fleetIds: [fleet.id], defaults: latency(666) });
    await untilChangeSet(fleet.id, 'profile bad version 1', 'SUCCEEDED');
    const back = await molthub.call('POST', `/bot-instances/${bot.id}/rollback`, { reason: 'bad' });
    expect(back.status, JSON.stringify(back.body)).toBeLessThan(300);
    const held = await untilBot(molthub, bot.id, 'rolled back', (now) => now.manifestVersion === 3 && isConverged(now));
    expect(held.observedHash).toBe(bot.observedHash);
    await make('overlays', {
      name: 'at-night',
      target: { fleetId: fleet.id },
      patch: { metadata: { labels: { night: 'yes' } } },
      schedule: { start: localTime(2_000), timeZone: 'UTC' },
    });
    const { id: changeSetId } = await untilChangeSet(fleet.id, 'overlay at-night version 2', 'FAILED');
    expect((await molthub.call('GET', `/change-sets/${changeSetId}`)).body).toMatchObject({
      refusedBots: [{ botId: bot.id, botName: 'held', code: 'config.held-after-rollback' }],
    });
    expect(await getBot(molthub, bot.id)).toMatchObject({ manifestVersion: 3, desiredHash: bot.desiredHash });
    expect((await patch('profiles', id, { defaults: latency(60) })).status).toBe(200);
    await untilChangeSet(fleet.id, 'profile bad version 2', 'SUCCEEDED');
    expect(await resolvedOf(bot.id)).toMatchObject({ config: { simulation: { latencyMs: 60 } } });
  }, 120_000);

  test('a percentage is exact, and a larger one is for the same bots and more; newcomers come in by rank', async () => {
    const fleet = await makeFleet(molthub, 'shared');
    const manifests = Array.from({ length: 10 }, (_, n) => labelled(`shared-${n}`, {}));
    const bots = await Promise.all(manifests.map((manifest) => makeBot(molthub, fleet.id, manifest)));
    const { id } = await make('overlays', {
      name: 'a-share',
      target: { fleetId: fleet.id },
      patch: latency(55),
      rollout: { percentage: 30 },
    });
    const Overlay = z.looseObject({ cohort: z.array(z.uuid()) });
    const cohort = async () => Overlay.parse((await molthub.call('GET', `/overlays/${id}`)).body).cohort;
    const overlaid = async () => {
      const all = await Promise.all(bots.map(async (bot) => ({ id: bot.id, spec: await resolvedOf(bot.id) })));
      return all.filter(({ spec }) => JSON.stringify(spec['config']).includes('55')).map((bot) => bot.id);
    };
    const three = await cohort();
    expect(three).toHaveLength(3);
    await untilChangeSet(fleet.id, 'overlay a-share version 1', 'SUCCEEDED');
    expect((await overlaid()).toSorted()).toEqual(three.toSorted());
    expect((await patch('overlays', id, { rollout: { percentage: 60 } })).status).toBe(200);
    const six = await cohort();
    expect(six.slice(0, 3)).toEqual(three);
    expect(six).toHaveLength(6);
    await untilChangeSet(fleet.id, 'overlay a-share version 2', 'SUCCEEDED');
    expect((await overlaid()).toSorted()).toEqual(six.toSorted());
    for (const n of [10, 11]) bots.push(await makeBot(molthub, fleet.id, labelled(`shared-${n}`, {})));
    const seven = await until(async () => (await cohort()).length === 7 && cohort(), {
      what: 'seven of twelve to be in',
      timeoutMs: 30_000,
    });
    expect(seven).toEqual(expect.arrayContaining(six));
    await until(async () => (await overlaid()).length === 7, { what: 'the seventh to be moved' });
  }, 180_000);
});
