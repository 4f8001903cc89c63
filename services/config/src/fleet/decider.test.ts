import type { CommandOf, CreateFleet, FleetStatus, Strategy, UpdateFleet } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, test } from 'vitest';
import { type FleetCommand, type FleetFact, fleets } from './decider.ts';

const fleetId = '00000000-0000-4000-8000-000000000001';
const envelope = {
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const automatic = { mode: 'auto', strategy: { kind: 'ALL' } } as const;
const manual = { mode: 'manual', strategy: { kind: 'ALL' } } as const;

const create = (more: Partial<CommandOf<typeof CreateFleet>['data']> = {}): FleetCommand => ({
  ...envelope,
  type: 'config.fleet.create.v1',
  data: { fleetId, name: 'support', environment: 'dev', description: '', tags: {}, ...more },
});
const update = (more: Partial<CommandOf<typeof UpdateFleet>['data']>): FleetCommand => ({
  ...envelope,
  type: 'config.fleet.update.v1',
  data: { fleetId, ...more },
});
const move = (status: Exclude<FleetStatus, 'ERROR'>, expectedVersion?: number): FleetCommand => ({
  ...envelope,
  type: 'config.fleet.change-status.v1',
  data: { fleetId, status, reason: 'why', ...(expectedVersion ? { expectedVersion } : {}) },
});
const remove: FleetCommand = { ...envelope, type: 'config.fleet.delete.v1', data: { fleetId } };

const created = (environment: 'dev' | 'staging' | 'prod' = 'dev'): FleetFact => ({
  type: 'config.fleet.created.v1',
  data: {
    fleetId,
    name: 'support',
    description: '',
    environment,
    tags: {},
    release: environment === 'prod' ? manual : automatic,
  },
});
const moved = (from: FleetStatus, to: FleetStatus): FleetFact => ({
  type: 'config.fleet.status-changed.v1',
  data: { fleetId, from, to, reason: 'why' },
});
/** The thirtieth of February. */
const inNoTime: Strategy = {
  kind: 'ALL',
  gates: { window: { timezone: 'UTC', allow: [{ cron: '0 22 30 2 *', minutes: 60 }] } },
};
const deleted: FleetFact = { type: 'config.fleet.deleted.v1', data: { fleetId } };
const { given } = specification(fleets);

describe('a new fleet', () => {
  test('releases by itself outside of prod', () => given().when(create()).then(created('dev')));
  test('releases by hand in prod', () =>
    given()
      .when(create({ environment: 'prod' }))
      .then(created('prod')));
  test('releases as it was told to', () =>
    given()
      .when(create({ release: manual }))
      .then({
        type: 'config.fleet.created.v1',
        data: { fleetId, name: 'support', description: '', environment: 'dev', tags: {}, release: manual },
      }));
  test('is refused where its strategy can never work, with the field', () =>
    given()
      .when(create({ release: { mode: 'manual', strategy: inNoTime } }))
      .rejects('config.strategy-invalid'));
  test('cannot take the id of another, not even of one that is gone', () => {
    given(created()).when(create()).rejects('config.fleet-exists');
    given(created(), deleted).when(create()).rejects('config.fleet-exists');
  });
});

describe('changing a fleet', () => {
  test('says only what changed', () =>
    given(created())
      .when(update({ name: 'support', description: 'Nights', tags: {}, release: automatic }))
      .then({ type: 'config.fleet.updated.v1', data: { fleetId, description: 'Nights' } }));
  test('without a difference changes nothing', () =>
    given(created())
      .when(update({ name: 'support' }))
      .thenNothing());
  test('says which packs it enforces where that changed, and that it enforces none', () => {
    const enforced = ['builtin-security-baseline'];
    const enforces: FleetFact = {
      type: 'config.fleet.updated.v1',
      data: { fleetId, enforcedPolicyPackIds: enforced },
    };
    given(created())
      .when(update({ enforcedPolicyPackIds: enforced }))
      .then(enforces);
    given(created(), enforces)
      .when(update({ enforcedPolicyPackIds: enforced }))
      .thenNothing();
    given(created(), enforces)
      .when(update({ enforcedPolicyPackIds: [] }))
      .then({ type: 'config.fleet.updated.v1', data: { fleetId, enforcedPolicyPackIds: [] } });
  });
  test('with a stale version is refused', () =>
    given(created(), moved('ACTIVE', 'PAUSED'))
      .when(update({ name: 'other', expectedVersion: 1 }))
      .rejects('config.version-mismatch'));
  test('with the right version is done', () =>
    given(created(), moved('ACTIVE', 'PAUSED'))
      .when(update({ name: 'other', expectedVersion: 2 }))
      .thenTypes('config.fleet.updated.v1'));
  test('to a strategy that can never work is refused; one that was saved before is in the way of nothing else', () => {
    const release = { mode: 'manual' as const, strategy: inNoTime };
    given(created()).when(update({ release })).rejects('config.strategy-invalid');
    const saved: FleetFact = { type: 'config.fleet.updated.v1', data: { fleetId, release } };
    given(created(), saved)
      .when(update({ name: 'other', release }))
      .then({ type: 'config.fleet.updated.v1', data: { fleetId, name: 'other' } });
  });
  test('is refused where there is none', () =>
    given()
      .when(update({ name: 'other' }))
      .rejects('config.fleet-not-found'));
});

describe("a fleet's status", () => {
  const allowed = [
    ['ACTIVE', 'PAUSED'],
    ['ACTIVE', 'DRAINING'],
    ['PAUSED', 'ACTIVE'],
    ['PAUSED', 'DRAINING'],
    ['DRAINING', 'ACTIVE'],
  ] as const;
  test.each(allowed)('%s can become %s', (from, to) =>
    given(created(), moved('ACTIVE', from)).when(move(to)).then(moved(from, to)),
  );
  test('DRAINING cannot become PAUSED', () =>
    given(created(), moved('ACTIVE', 'DRAINING')).when(move('PAUSED')).rejects('config.fleet-status-refused'));
  test('the same again changes nothing', () => given(created()).when(move('ACTIVE')).thenNothing());
  test('with a stale version is not changed', () =>
    given(created(), moved('ACTIVE', 'PAUSED')).when(move('ACTIVE', 1)).rejects('config.version-mismatch'));
});

describe('deleting a fleet', () => {
  test('is done outside of prod', () => given(created()).when(remove).then(deleted));
  test('is refused in prod', () => given(created('prod')).when(remove).rejects('config.fleet-in-prod'));
  test('is refused where there is none any more', () =>
    given(created(), deleted).when(remove).rejects('config.fleet-not-found'));
});
