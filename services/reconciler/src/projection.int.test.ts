// Whatever happens to a bot, and however it is batched: its row is the fold of its stream, its timeline has no gap.
import type { Recorded } from '@molthub/contracts';
import { newEvent } from '@molthub/event-store/testing';
import { newId } from '@molthub/identity';
import { silentService, startTestService } from '@molthub/service/testing';
import { withNats, withPostgres } from '@molthub/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BotFact, evolve, type State } from './bot.ts';
import { botsProjection } from './projection.ts';
import { desiredBot, simulatedManifest } from './target.conformance.ts';
import { timelineOf } from './timeline.ts';

const postgres = withPostgres();
const nats = withNats();
const { fleetId } = desiredBot();
const hash = `sha256:${'a'.repeat(64)}`;
const resolved = simulatedManifest();
const step = { name: 'start', startedAt: '2026-11-21T10:00:00.000Z', durationMs: 3, message: 'went well' };

const fact = (botId: string): fc.Arbitrary<BotFact> => {
  const ids = { botId, fleetId };
  const generation = fc.integer({ min: 1, max: 5 });
  const endpoint = fc.record({ url: fc.constantFrom('http://a', 'http://b'), pid: fc.constantFrom(null, 7) });
  const about = { ...ids, changeSetId: fleetId, steps: [step], simulated: true };
  return fc.oneof(
    generation.map((n): BotFact => {
      const released = {
        changeSetId: fleetId,
        version: n,
        generation: n,
        hash,
        resolved,
        target: 'simulated',
      } as const;
      const of = { botName: 'b', fleetStatus: 'ACTIVE', environment: 'dev' } as const;
      return { type: 'reconciler.bot.assigned.v1', data: { ...ids, ...of, ...released, simulated: true } };
    }),
    fc.tuple(generation, endpoint).map(([n, at]): BotFact => {
      const started = { ...ids, generation: n, endpoint: at, adopted: false, node: null, steps: [], simulated: true };
      return { type: 'reconciler.bot.started.v1', data: started };
    }),
    fc.tuple(generation, endpoint).map(([n, at]): BotFact => {
      const reached = { version: n, generation: n, hash, endpoint: at, tokenReference: null } as const;
      return {
        type: 'reconciler.bot.converged.v1',
        data: { ...about, ...reached, target: 'simulated', applied: 'hot' },
      };
    }),
    fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 4 })).map(([permanent, attempt]): BotFact => {
      const error = { code: 'reconciler.x', message: 'x', permanent };
      return { type: 'reconciler.bot.failed.v1', data: { ...about, generation: 1, error, attempt } };
    }),
    fc.constant<BotFact>({ type: 'reconciler.bot.stopped.v1', data: { ...ids, steps: [step], reason: 'r' } }),
    fc.constant<BotFact>({ type: 'reconciler.bot.paused.v1', data: { ...ids, steps: [] } }),
    fc
      .constantFrom('restart', 'pause', 'resume', 'stop', 'start', 'reconcile', 'destroy')
      .map((action): BotFact => ({ type: 'reconciler.bot.action-accepted.v1', data: { ...ids, action, reason: '' } })),
    fc.constant<BotFact>({
      type: 'reconciler.drift.detected.v1',
      data: {
        ...ids,
        generation: 1,
        observedHash: hash,
        items: [{ class: 'config', path: 'p', desired: 1, observed: 2, owner: 'unknown', since: step.startedAt }],
        mode: 'heal',
      },
    }),
    fc.constant<BotFact>({
      type: 'reconciler.drift.revert-accepted.v1',
      data: { ...ids, classes: ['config'], reason: 'r' },
    }),
    endpoint.map((at): BotFact => {
      const healed = { classes: ['config' as const], endpoint: at, tokenReference: null, steps: [step, step] };
      return { type: 'reconciler.drift.healed.v1', data: { ...ids, generation: 1, ...healed, simulated: true } };
    }),
  );
};

test('random histories in random batches', async () => {
  const bare = { ...silentService('reconciler'), projections: [botsProjection] };
  const service = await startTestService(bare, { databaseUrl: postgres.url, natsUrl: nats.url });
  const history = fc.tuple(
    fc.array(fact('00000000-0000-4000-8000-000000000001'), { maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 12, maxLength: 12 }),
  );
  try {
    await fc.assert(
      fc.asyncProperty(history, async ([facts, sizes]) => {
        const botId = newId();
        const own = facts.map((one) => withBot(one, botId));
        const left = [...own];
        for (const size of sizes) {
          const events = left.splice(0, size).map(({ type, data }) => newEvent(type, data));
          if (events.length > 0) {
            await service.log.commit({ streams: [{ stream: `bot-${botId}`, expected: 'any', events }] });
          }
        }
        const state = own.reduce<State>(evolve, { is: 'unknown' });
        const [row] = await service.runtime.reads<{ status: string }>(
          `select status, wanted, restarts, generation, desired_hash as hash, endpoint, drift, last_error as failure
           from bots where bot_id = $1`,
          [botId],
        );
        if (state.is !== 'known') expect(row).toBeUndefined();
        else {
          const { status, wanted, restarts, generation, endpoint, failure } = state;
          const drift = state.drift?.items ?? [];
          expect(row).toEqual({ status, wanted, restarts, generation, hash: state.hash, endpoint, failure, drift });
          const [shown] = await service.runtime.reads<{ drift_status: string }>(
            'select drift_status from reconciler_read.bots where bot_id = $1',
            [botId],
          );
          // What a version or an action moves is on its way, and not drifted.
          const isOnItsWay = ['PENDING', 'RECONCILING', 'DELETING'].includes(status);
          if (isOnItsWay) expect(shown?.drift_status).toBe('PROGRESSING');
          else expect(shown?.drift_status === 'DRIFTED').toBe(drift.length > 0);
        }
        const timeline = await service.runtime.reads<{ sequence: number; type: string }>(
          'select sequence, type from timeline where bot_id = $1 order by sequence',
          [botId],
        );
        const recorded = (await service.log.readStream(`bot-${botId}`)).filter(isFact);
        const told = recorded.flatMap((event) => timelineOf(event).map(({ type }) => type));
        expect(timeline).toEqual(told.map((type, place) => ({ sequence: place + 1, type })));
      }),
      { numRuns: 150 },
    );
  } finally {
    await service.stop();
  }
});

const isFact = (event: Recorded): event is Recorded<BotFact> => botsProjection.types.has(event.type);
const withBot = <F extends BotFact>(one: F, botId: string): F => ({ ...one, data: { ...one.data, botId } });
