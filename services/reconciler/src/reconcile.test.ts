// The loop's step on real simulated bots, with the decider itself taking the reports: no database, no clock but ours.
import { type FleetStatus, platformWorkspace } from '@molthub/contracts';
import { canonicalHash } from '@molthub/manifest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bot, BotFact } from './bot.ts';
import type { BotRow } from './bot-row.ts';
import { type BotCommand, botDecider } from './decider.ts';
import { createHealing, defaultHealing } from './healing.ts';
import { type ReconcileContext, reconcile } from './reconcile.ts';
import { desiredBot, simulatedManifest } from './target.conformance.ts';
import { type Observation, type Target, targetsOf, tokenAgePath } from './target.ts';
import { createSimulatedTarget, type SimulatedTarget } from './targets/simulated.ts';

const { botId, fleetId } = desiredBot();
const changeSetId = '0198c0de-0000-7000-8000-00000000c5e7';
let target: SimulatedTarget;
let facts: BotFact[] = [];
let fleet: FleetStatus = 'ACTIVE';
let now = 0;
let resolved = simulatedManifest();
let generation = 1;

beforeEach(async () => {
  target = await createSimulatedTarget({ port: 0, spans: null });
  [facts, fleet, now, resolved, generation] = [[], 'ACTIVE', 1_000_000, simulatedManifest(), 1];
  healing = createHealing(defaultHealing);
  sightings.clear();
  unsettled.clear();
  command('assign', assignment());
});
afterEach(() => target.close());

const assignment = () => ({
  botId,
  fleetId,
  botName: 'sim',
  fleetStatus: fleet,
  environment: 'dev',
  changeSetId,
  version: generation,
  generation,
  hash: canonicalHash(resolved),
  resolved,
  target: 'simulated',
  simulated: true,
});
const state = (): Bot => {
  const folded = facts.reduce(botDecider.evolve, botDecider.initial);
  if (folded.is !== 'known') throw new Error(`The bot is ${folded.is}.`);
  return folded;
};
const isCommand = (value: { readonly type: string }): value is BotCommand =>
  /^reconciler\.(bot|drift)\./.test(value.type);
function command(verb: string, data: object, of = 'bot') {
  const about = { workspace: platformWorkspace, correlationId: '', causationId: null, records: true, id: changeSetId };
  const actor = { kind: 'service', id: 'r', name: 'r' } as const;
  const sent = { ...about, actor, time: new Date(now).toISOString(), type: `reconciler.${of}.${verb}.v1`, data };
  if (!isCommand(sent)) throw new Error('no command');
  const folded = facts.reduce(botDecider.evolve, botDecider.initial);
  facts.push(...botDecider.decide(sent, folded));
}
const ask = (verb: 'restart' | 'pause' | 'resume' | 'stop' | 'start') => command(verb, { botId, reason: '' });
const revert = () => command('revert', { botId, reason: '' }, 'drift');
const row = (): BotRow => {
  const bot = state();
  return {
    workspace: 'default',
    bot_id: botId,
    fleet_id: fleetId,
    bot_name: 'sim',
    environment: 'dev',
    status: bot.status,
    wanted: bot.wanted,
    restarts: bot.restarts,
    generation: bot.generation,
    desired_hash: bot.hash,
    manifest_version: bot.version,
    observed_generation: bot.generation,
    resolved,
    target: 'simulated',
    simulated: true,
    endpoint: bot.endpoint,
    node: null,
    last_error: bot.failure,
    drift: [...(bot.drift?.items ?? [])],
    drift_mode: bot.drift?.mode ?? null,
    version: facts.length,
  };
};
let healing = createHealing(defaultHealing);
const context = (more: Partial<ReconcileContext> = {}): ReconcileContext => ({
  targets: targetsOf(target),
  healing,
  fleetStatus: () => fleet,
  botsOfFleet: () => 100,
  report: async (_row, report) => command('report', { botId, report }),
  isStopping: () => false,
  heldBack: () => {},
  now: () => now,
  sightings,
  unsettled,
  ...more,
});
const sightings: ReconcileContext['sightings'] = new Map();
const unsettled: ReconcileContext['unsettled'] = new Map();
const look = (more: Partial<ReconcileContext> = {}) => reconcile(row(), 1, context(more));
/** A look while the target cannot say what is there, because looking itself fails. */
const sightless = (attempt: number) => {
  const observe = async () => {
    throw new Error('EIO: i/o error');
  };
  return reconcile(row(), attempt, context({ targets: targetsOf({ ...target, observe }) }));
};
const elsewhere = () =>
  reconcile({ ...row(), node: 'there' }, 1, context({ targets: targetsOf({ ...target, node: 'here' }) }));
const types = () => facts.map((fact) => fact.type.replace('reconciler.', '').replace('.v1', ''));
const simulated = () => {
  const bot = target.bots.get(botId);
  if (!bot) throw new Error('no such bot');
  return bot;
};
const drift = () => {
  simulated().selfEdits += 1;
};

describe('a look at a bot', () => {
  test('brings it about and says so once', async () => {
    expect(await look()).toEqual({ ending: { kind: 'settled' }, outcome: 'converged' });
    expect(await look()).toEqual({ ending: { kind: 'settled' }, outcome: 'unchanged' });
    expect(types()).toEqual(['bot.assigned', 'bot.converged']);
  });

  test('takes a token that is past its time for what was asked, and not for a sign that the fleet is broken', async () => {
    const tripped = { healing: createHealing({ ...defaultHealing, breakerBotsMin: 1, breakerShare: 0 }) };
    await look();
    const old = { class: 'secret', path: tokenAgePath, desired: 30, observed: 'older', owner: 'unknown' } as const;
    let isOld = true;
    const aged: Target = {
      ...target,
      observe: async (desired) => {
        const seen = await target.observe(desired);
        return seen.is === 'running' && isOld ? { ...seen, differences: [old] } : seen;
      },
      configure: async (desired, say) => {
        isOld = false;
        return target.configure(desired, say);
      },
    };
    const targets = targetsOf(aged);
    await look({ targets, ...tripped });
    expect(await look({ targets, ...tripped })).toMatchObject({ outcome: 'healed' });
    drift();
    await look(tripped);
    expect(await look(tripped)).toMatchObject({ outcome: 'drifted' });
  });

  test('confirms drift by a second look before it says or does anything', async () => {
    await look();
    drift();
    expect(await look()).toEqual({ ending: { kind: 'again', waitMs: 50, priority: 'drift' }, outcome: 'waiting' });
    expect(types()).toEqual(['bot.assigned', 'bot.converged']);
    expect((await look()).outcome).toBe('healed');
    expect(types().slice(2)).toEqual(['drift.detected', 'drift.healed']);
  });

  test('forgets a first sight that was gone at the second', async () => {
    await look();
    drift();
    await look();
    simulated().selfEdits = 0;
    await look();
    expect(types()).toEqual(['bot.assigned', 'bot.converged']);
  });

  test('tells the drift of a paused fleet and leaves it; heals it when the fleet is active', async () => {
    await look();
    drift();
    fleet = 'PAUSED';
    await look();
    expect(await look()).toEqual({ ending: { kind: 'settled' }, outcome: 'drifted' });
    expect(await look()).toMatchObject({ outcome: 'drifted' });
    expect(types().slice(2)).toEqual(['drift.detected']);
    expect(state().drift?.mode).toBe('detect');
    fleet = 'ACTIVE';
    await look();
    expect(types().at(-1)).toBe('drift.healed');
  });

  test('tells the drift of a bot whose mode is detect and leaves it, until someone reverts it', async () => {
    resolved = { ...resolved, spec: { ...resolved.spec, drift: { mode: 'detect' } } };
    generation = 2;
    command('assign', assignment());
    await look();
    drift();
    await look();
    expect(await look()).toEqual({ ending: { kind: 'settled' }, outcome: 'drifted' });
    expect(simulated().selfEdits).toBe(1);
    expect(state()).toMatchObject({ status: 'DEGRADED', drift: { mode: 'detect' } });
    revert();
    expect(state().status).toBe('RECONCILING');
    await look();
    expect(simulated().selfEdits).toBe(0);
    expect(state()).toMatchObject({ status: 'RUNNING', drift: null });
    expect(types().slice(-3)).toEqual(['drift.detected', 'drift.revert-accepted', 'drift.healed']);
  });

  test('reverts when asked although healing is held, the budget is spent, or the bot is paused', async () => {
    await look();
    ask('pause');
    await look();
    healing = createHealing({ ...defaultHealing, healsPerMinute: 0, breakerBotsMin: 1, breakerShare: 0 });
    drift();
    await look();
    expect(await look()).toMatchObject({ outcome: 'drifted' });
    revert();
    await look();
    expect([state().status, simulated().channels, simulated().selfEdits]).toEqual(['PAUSED', 'cut', 0]);
  });

  test('stops the bots of a draining fleet, and starts them when it is active again', async () => {
    await look();
    fleet = 'DRAINING';
    await look();
    expect(state().status).toBe('STOPPED');
    expect(simulated().process.is).toBe('down');
    expect(await look()).toMatchObject({ outcome: 'unchanged' });
    fleet = 'ACTIVE';
    await look();
    expect(state().status).toBe('RUNNING');
  });

  test('leaves the same drift alone for a while when it comes back after it was healed', async () => {
    await look();
    drift();
    await look();
    await look();
    simulated().selfEdits += 1;
    await look();
    expect(await look()).toMatchObject({ ending: { kind: 'again', waitMs: 5_000 }, outcome: 'drifted' });
    now += 5_000;
    expect((await look()).outcome).toBe('healed');
  });

  test('says nothing of what is different while a version is on its way: that is work, not drift', async () => {
    await look();
    drift();
    [resolved, generation] = [simulatedManifest({ latencyMs: 3 }), 2];
    command('assign', assignment());
    await look();
    expect(types()).toEqual(['bot.assigned', 'bot.converged', 'bot.assigned', 'bot.converged']);
  });

  test('reports of an overtaken generation change nothing', async () => {
    const before = row();
    [resolved, generation] = [simulatedManifest({ latencyMs: 3 }), 2];
    command('assign', assignment());
    await reconcile(before, 1, context());
    expect(types()).toEqual(['bot.assigned', 'bot.assigned']);
  });

  test('does nothing while nobody can say what is there', async () => {
    const blind: Target = {
      ...target,
      observe: async (): Promise<Observation> => ({ is: 'unknown', detail: 'timeout' }),
    };
    expect(await look({ targets: targetsOf(blind) })).toEqual({ ending: { kind: 'retry' }, outcome: 'waiting' });
    expect(types()).toEqual(['bot.assigned']);
  });

  test('counts a look that throws as an attempt, so that whoever waits for the bot hears of it', async () => {
    for (const attempt of [1, 2]) {
      expect(await sightless(attempt)).toEqual({ ending: { kind: 'retry' }, outcome: 'failed' });
      expect(state()).toMatchObject({ status: 'PENDING', awaited: true });
    }
    await sightless(3);
    expect(state()).toMatchObject({ status: 'ERROR', awaited: false });
    expect(state().failure).toEqual({ code: 'reconciler.observe-failed', message: 'EIO: i/o error', permanent: false });
    await look();
    expect(state()).toMatchObject({ status: 'RUNNING', failure: null });
  });

  test('a settled bot that could not be looked at for a moment is well, and broken when that lasts', async () => {
    await look();
    for (const attempt of [1, 2]) await expect(sightless(attempt)).rejects.toThrow('EIO');
    await look();
    expect(types()).toEqual(['bot.assigned', 'bot.converged']);
    expect(await sightless(3)).toEqual({ ending: { kind: 'retry' }, outcome: 'failed' });
    expect(state().status).toBe('ERROR');
    await look();
    expect(state()).toMatchObject({ status: 'RUNNING', failure: null });
    expect(types().slice(2)).toEqual(['bot.failed', 'bot.converged']);
  });

  test('fails a released bot of another machine by that name, and never touches it', async () => {
    expect(await elsewhere()).toEqual({ ending: { kind: 'blocked' }, outcome: 'failed' });
    expect(state()).toMatchObject({ status: 'ERROR', awaited: false });
    expect(state().failure).toEqual({
      code: 'reconciler.other-machine',
      message: 'The bot is bound to machine there; the reconciler that leads runs on machine here.',
      permanent: true,
    });
    expect(target.bots.size).toBe(0);
  });

  test('calls a settled bot of another machine unreachable once, until its own machine leads', async () => {
    await look();
    for (let round = 0; round < 3; round += 1) {
      expect(await elsewhere()).toEqual({ ending: { kind: 'settled' }, outcome: 'not-ours' });
    }
    expect(state()).toMatchObject({ status: 'DEGRADED', drift: { mode: 'detect' } });
    expect(state().drift?.items).toMatchObject([{ class: 'unreachable', path: 'node', desired: 'here' }]);
    expect(types().slice(2)).toEqual(['drift.detected']);
    await look();
    expect(state().status).toBe('RUNNING');
    expect(types().at(-1)).toBe('drift.healed');
  });

  test('refuses a kind of target by name that this installation does not have', async () => {
    expect(await look({ targets: new Map() })).toMatchObject({ ending: { kind: 'blocked' }, outcome: 'failed' });
    expect(state().failure).toMatchObject({ code: 'reconciler.target-unknown', permanent: true });
  });

  test('waits for a process that may still answer, and does not call it converged', async () => {
    await look();
    const slow: Target = {
      ...target,
      observe: async (desired) => {
        const seen = await target.observe(desired);
        return seen.is === 'running' ? { ...seen, answers: 'not-yet' } : seen;
      },
    };
    ask('restart');
    expect(await look({ targets: targetsOf(slow) })).toMatchObject({ ending: { kind: 'again' }, outcome: 'waiting' });
    expect(state().status).toBe('RECONCILING');
    await look();
    expect(state().status).toBe('RUNNING');
    expect(facts.at(-1)).toMatchObject({ type: 'reconciler.bot.converged.v1', data: { applied: 'restarted' } });
    expect(unsettled.size).toBe(0);
  });

  test('tries again after a fault, and says which step it was', async () => {
    const broken: Target = {
      ...target,
      start: async () => {
        throw new Error('no answer', { cause: new Error('the port is taken') });
      },
    };
    expect(await look({ targets: targetsOf(broken) })).toEqual({ ending: { kind: 'retry' }, outcome: 'failed' });
    expect(state().failure).toEqual({
      code: 'reconciler.start-failed',
      message: 'no answer (the port is taken)',
      permanent: false,
    });
    const failed = facts.at(-1);
    const steps = failed?.type === 'reconciler.bot.failed.v1' ? failed.data.steps.map((step) => step.name) : [];
    expect(steps).toEqual(['install', 'configure', 'start']);
  });

  test('reports no failure of a process that is going down', async () => {
    const interrupted: Target = {
      ...target,
      start: async () => {
        throw new Error('aborted');
      },
    };
    const going = { targets: targetsOf(interrupted), isStopping: () => true };
    expect(await look(going)).toEqual({ ending: { kind: 'retry' }, outcome: 'waiting' });
    expect(types()).toEqual(['bot.assigned']);
  });

  test('observes again after a start whose answer was lost, instead of starting twice', async () => {
    let starts = 0;
    const lossy: Target = {
      ...target,
      start: async (desired, say) => {
        starts += 1;
        await target.start(desired, say);
        throw new Error('timeout');
      },
    };
    await look({ targets: targetsOf(lossy) });
    await look({ targets: targetsOf(lossy) });
    expect(starts).toBe(1);
    expect(state().status).toBe('RUNNING');
  });

  test('carries a pause, a resume and a deletion to the bot', async () => {
    await look();
    ask('pause');
    await look();
    expect([state().status, simulated().channels]).toEqual(['PAUSED', 'cut']);
    ask('resume');
    await look();
    expect([state().status, simulated().channels]).toEqual(['RUNNING', 'open']);
    command('destroy', { botId, fleetId, reason: '' });
    await look();
    expect(target.bots.size).toBe(0);
    expect(types().at(-1)).toBe('bot.destroyed');
  });
});
