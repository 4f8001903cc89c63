import { type CommandOf, type DriftItem, type ResolvedManifest, platformWorkspace } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, expect, test } from 'vitest';
import type { Bot, BotFact } from './bot.ts';
import { type BotCommand, botDecider } from './decider.ts';
import type { Report } from './report.ts';

const botId = '0198c0de-0000-7000-8000-000000000001';
const fleetId = '0198c0de-0000-7000-8000-000000000002';
const changeSet = (n: number) => `0198c0de-0000-7000-8000-0000000001${String(n).padStart(2, '0')}`;
const hash = (n: number) => `sha256:${String(n).repeat(64).slice(0, 64)}`;
const ids = { botId, fleetId };
const endpoint = { url: 'http://127.0.0.1:9000', pid: 42 };
const resolved: ResolvedManifest = {
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'a' },
  spec: { runtime: { engine: 'openclaw', version: '2026.9.6' }, target: { kind: 'local' }, config: {} },
};

const envelope = {
  id: '0198c0de-0000-7000-8000-00000000ffff',
  time: '2026-11-21T10:00:00.000Z',
  workspace: platformWorkspace,
  actor: { kind: 'service', id: 'reconciler', name: 'reconciler' },
  correlationId: 'c',
  causationId: null,
  records: true,
} as const;
const assignment = (n = 1): CommandOf<typeof import('@molthub/contracts').AssignBot>['data'] => ({
  ...ids,
  botName: 'a',
  fleetStatus: 'ACTIVE',
  environment: 'dev',
  changeSetId: changeSet(n),
  version: n,
  generation: n,
  hash: hash(n),
  resolved,
  target: 'local',
  simulated: false,
});
const assign = (n = 1): BotCommand => ({ ...envelope, type: 'reconciler.bot.assign.v1', data: assignment(n) });
const report = (data: Report): BotCommand => ({
  ...envelope,
  type: 'reconciler.bot.report.v1',
  data: { botId, report: data },
});
type Action = 'restart' | 'pause' | 'resume' | 'stop' | 'start' | 'reconcile';
const act = (action: Action): BotCommand => ({
  ...envelope,
  type: `reconciler.bot.${action}.v1`,
  data: { botId, reason: 'because' },
});
const revert: BotCommand = { ...envelope, type: 'reconciler.drift.revert.v1', data: { botId, reason: 'because' } };
const destroy: BotCommand = { ...envelope, type: 'reconciler.bot.destroy.v1', data: { ...ids, reason: '' } };

const assigned = (n = 1): BotFact => ({ type: 'reconciler.bot.assigned.v1', data: assignment(n) });
const arrived = (n = 1, more: { restarts?: number } = {}) => ({
  kind: 'converged' as const,
  generation: n,
  hash: hash(n),
  endpoint,
  tokenReference: null,
  applied: 'started' as const,
  restarts: more.restarts ?? 0,
  steps: [],
});
const converged = (n = 1): BotFact => ({
  type: 'reconciler.bot.converged.v1',
  data: {
    ...ids,
    changeSetId: changeSet(n),
    version: n,
    generation: n,
    hash: hash(n),
    endpoint,
    tokenReference: null,
    target: 'local',
    applied: 'started',
    steps: [],
    simulated: false,
  },
});
const accepted = (action: Action | 'destroy'): BotFact => ({
  type: 'reconciler.bot.action-accepted.v1',
  data: { ...ids, action, reason: 'because' },
});
const stopped: BotFact = { type: 'reconciler.bot.stopped.v1', data: { ...ids, steps: [], reason: 'because' } };
const paused: BotFact = { type: 'reconciler.bot.paused.v1', data: { ...ids, steps: [] } };
const destroyed: BotFact = { type: 'reconciler.bot.destroyed.v1', data: { ...ids, steps: [] } };
const item = (observed: string, since: string = envelope.time): DriftItem => ({
  class: 'config',
  path: 'spec.config.logging.level',
  desired: 'info',
  observed,
  owner: 'unknown',
  since,
});
const sawDrift = (observed: string, mode: 'detect' | 'heal' = 'heal', since?: string) => ({
  kind: 'drifted' as const,
  generation: 1,
  observedHash: hash(9),
  items: [item(observed, since)],
  mode,
});
const drifted = (observed: string): BotFact => ({
  type: 'reconciler.drift.detected.v1',
  data: { ...ids, generation: 1, observedHash: hash(9), items: [item(observed)], mode: 'heal' },
});
const failure = (attempt: number, permanent = false): Report => ({
  kind: 'failed',
  generation: 1,
  error: { code: 'reconciler.start-failed', message: 'no answer', permanent },
  attempt,
  steps: [],
});

const { given } = specification(botDecider);
const statusAfter = (...facts: readonly BotFact[]) => known(...facts).status;
const known = (...facts: readonly BotFact[]): Bot => {
  const state = given(...facts).state();
  if (state.is !== 'known') throw new Error(`The bot is ${state.is}.`);
  return state;
};
const after = (facts: readonly BotFact[], command: BotCommand): readonly BotFact[] => [
  ...facts,
  ...botDecider.decide(command, given(...facts).state()),
];

describe('assignment', () => {
  test('a released version begins the work', () => given().when(assign()).then(assigned()));
  test('the same release twice is taken once', () => given(assigned()).when(assign()).thenNothing());
  test('an older generation is ignored', () => given(assigned(2)).when(assign(1)).thenNothing());
  test('a newer version replaces one that is still in progress', () =>
    given(assigned(1)).when(assign(2)).then(assigned(2)));
  test('the same content released by another change set is confirmed again', () => {
    const again = { ...assignment(1), version: 2, changeSetId: changeSet(2) };
    given(assigned(1), converged(1))
      .when({ ...envelope, type: 'reconciler.bot.assign.v1', data: again })
      .then({ type: 'reconciler.bot.assigned.v1', data: again });
  });
  test('a stopped bot takes a version without starting, and its change set is told at once', () => {
    given(assigned(), converged(), accepted('stop'), stopped)
      .when(assign(2))
      .thenTypes('reconciler.bot.assigned.v1', 'reconciler.bot.failed.v1');
    expect(statusAfter(...after([assigned(), converged(), accepted('stop'), stopped], assign(2)))).toBe('STOPPED');
  });
  test('a retired bot comes back by no release', () =>
    given(destroyed).when(assign()).thenTypes('reconciler.bot.failed.v1'));
});

describe('status', () => {
  test('follows the bot from pending over reconciling to running', () => {
    const started: BotFact = {
      type: 'reconciler.bot.started.v1',
      data: { ...ids, generation: 1, endpoint, adopted: false, node: 'n', steps: [], simulated: false },
    };
    expect(statusAfter(assigned())).toBe('PENDING');
    expect(statusAfter(assigned(), started)).toBe('RECONCILING');
    expect(statusAfter(assigned(), started, converged())).toBe('RUNNING');
    expect(statusAfter(assigned(), converged(), assigned(2))).toBe('RECONCILING');
  });
  test('drift degrades a running bot, healing brings it back', () => {
    const facts = [assigned(), converged(), drifted('debug')];
    expect(statusAfter(...facts)).toBe('DEGRADED');
    expect(statusAfter(...after(facts, report(arrived())))).toBe('RUNNING');
  });
  test('a permanent error, or the third failed attempt, is an error', () => {
    expect(statusAfter(...after([assigned()], report(failure(1, true))))).toBe('ERROR');
    expect(statusAfter(...after([assigned()], report(failure(2))))).toBe('PENDING');
    expect(statusAfter(...after([assigned()], report(failure(3))))).toBe('ERROR');
  });
});

describe('actions', () => {
  const running = [assigned(), converged()];
  const history = {
    CREATING: [],
    PENDING: [assigned()],
    RECONCILING: [...running, assigned(2)],
    RUNNING: running,
    DEGRADED: [...running, drifted('debug')],
    PAUSED: [...running, accepted('pause'), paused],
    STOPPED: [...running, accepted('stop'), stopped],
    ERROR: after([assigned()], report(failure(1, true))),
    DELETING: [...running, accepted('destroy')],
  } as const;
  const legal: Record<Action, readonly (keyof typeof history)[]> = {
    restart: ['RUNNING', 'DEGRADED', 'RECONCILING', 'ERROR'],
    pause: ['RUNNING', 'DEGRADED'],
    resume: ['PAUSED'],
    stop: ['PENDING', 'RECONCILING', 'RUNNING', 'DEGRADED', 'PAUSED', 'ERROR'],
    start: ['STOPPED'],
    reconcile: ['PENDING', 'RECONCILING', 'RUNNING', 'DEGRADED', 'PAUSED', 'STOPPED', 'ERROR'],
  };
  const moves = ['restart', 'pause', 'resume', 'stop', 'start', 'reconcile'] as const;
  const statuses = [
    'CREATING',
    'PENDING',
    'RECONCILING',
    'RUNNING',
    'DEGRADED',
    'PAUSED',
    'STOPPED',
    'ERROR',
    'DELETING',
  ] as const;
  for (const move of moves) {
    for (const status of statuses) {
      const isLegal = legal[move].includes(status);
      test(`${move} of a bot that is ${status} is ${isLegal ? 'accepted' : 'refused'}`, () => {
        const when = given(...history[status]).when(act(move));
        if (isLegal) when.then(accepted(move));
        else when.rejects('reconciler.illegal-move');
      });
    }
  }
  test('asking again for a stop that is underway changes nothing', () =>
    given(...running, accepted('stop'))
      .when(act('stop'))
      .thenNothing());
  test('retiring twice destroys once', () =>
    given(...running, accepted('destroy'))
      .when(destroy)
      .thenNothing());
  test('a bot that never ran is destroyed at once', () => given().when(destroy).then(destroyed));
  test('retiring a bot tells the change set that waits for it', () =>
    given(assigned()).when(destroy).thenTypes('reconciler.bot.failed.v1', 'reconciler.bot.action-accepted.v1'));
});

describe('reports', () => {
  const running = [assigned(), converged()];
  test('of an older generation say nothing', () =>
    given(assigned(2))
      .when(report(arrived(1)))
      .thenNothing());
  test('of convergence are taken once', () => {
    given(assigned()).when(report(arrived())).then(converged());
    given(...running)
      .when(report(arrived()))
      .thenNothing();
  });
  test('of a hash that nobody released are a fault', () =>
    expect(() => botDecider.decide(report({ ...arrived(), hash: hash(7) }), known(assigned()))).toThrow(
      /was reported as converged/,
    ));
  test('that came before the last restart was asked for say nothing', () => {
    const facts = [...running, accepted('restart')];
    given(...facts)
      .when(report(arrived(1, { restarts: 0 })))
      .thenNothing();
    given(...facts)
      .when(report(arrived(1, { restarts: 1 })))
      .then(converged());
  });
  test('of a process adopted at another address tell the address', () =>
    given(...running)
      .when(report({ ...arrived(), endpoint: { ...endpoint, pid: 43 } }))
      .thenTypes('reconciler.bot.started.v1'));
  test('of the same drift are one event, of another drift another', () => {
    const facts = [...running, drifted('debug')];
    given(...facts)
      .when(report(sawDrift('debug', 'heal', '2026-11-21T11:00:00.000Z')))
      .thenNothing();
    given(...facts)
      .when(report(sawDrift('trace')))
      .thenTypes('reconciler.drift.detected.v1');
    given(...facts)
      .when(report(sawDrift('debug', 'detect')))
      .thenTypes('reconciler.drift.detected.v1');
  });
  test('of drift while a version is on its way say nothing', () =>
    given(...running, assigned(2))
      .when(report({ ...sawDrift('debug'), generation: 2 }))
      .thenNothing());
  test('of a bot that someone wants reverted heal its drift, and it is asked for once', () => {
    const facts = [...running, drifted('debug')];
    const asked: BotFact = {
      type: 'reconciler.drift.revert-accepted.v1',
      data: { ...ids, classes: ['config'], reason: 'because' },
    };
    given(...facts)
      .when(revert)
      .then(asked);
    given(...facts, asked)
      .when(revert)
      .thenNothing();
    given(...facts, asked)
      .when(report(arrived()))
      .thenTypes('reconciler.drift.healed.v1');
  });
  test('of no drift leave nothing to revert', () => {
    given(...running)
      .when(revert)
      .rejects('reconciler.not-drifted');
    given().when(revert).rejects('reconciler.not-drifted');
  });
  test('of a bot that is right again heal its drift', () =>
    given(...running, drifted('debug'))
      .when(report(arrived()))
      .thenTypes('reconciler.drift.healed.v1'));
  test('of the same permanent error are one event', () => {
    const facts = after([assigned()], report(failure(1, true)));
    given(...facts)
      .when(report(failure(2, true)))
      .thenNothing();
  });
  test('of a stop that nobody wants any more say nothing; a drained fleet gives its own reason', () => {
    given(...running)
      .when(report({ kind: 'stopped', steps: [], reason: '' }))
      .thenNothing();
    given(...running)
      .when(report({ kind: 'stopped', steps: [], reason: 'the fleet is draining' }))
      .thenTypes('reconciler.bot.stopped.v1');
  });
  test('of a stop in the middle of an assignment fail that assignment', () =>
    given(assigned(), accepted('stop'))
      .when(report({ kind: 'stopped', steps: [], reason: '' }))
      .thenTypes('reconciler.bot.failed.v1', 'reconciler.bot.stopped.v1'));
  test('of a destroyed bot hold only while it is being deleted', () => {
    given(...running)
      .when(report({ kind: 'destroyed', steps: [] }))
      .thenNothing();
    given(...running, accepted('destroy'))
      .when(report({ kind: 'destroyed', steps: [] }))
      .then(destroyed);
  });
});
