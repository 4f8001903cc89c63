import { type ChangePack, type CommandOf, CreatePack } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, expect, test } from 'vitest';
import { type PackCommand, type PackFact, packs } from './decider.ts';

const packId = '00000000-0000-4000-8000-000000000001';
const envelope = {
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const data = CreatePack.data.parse({
  packId,
  name: 'house rules',
  rules: [{ id: 'named', type: 'required_field', config: { field: 'metadata.labels.team' } }],
});
const create: PackCommand = { ...envelope, type: 'policy.pack.create.v1', data };
const change = (more: Partial<CommandOf<typeof ChangePack>['data']>): PackCommand => ({
  ...envelope,
  type: 'policy.pack.change.v1',
  data: { packId, ...more },
});
const remove = (expectedVersion?: number): PackCommand => ({
  ...envelope,
  type: 'policy.pack.delete.v1',
  data: { packId, ...(expectedVersion ? { expectedVersion } : {}) },
});
const created: PackFact = { type: 'policy.pack.created.v1', data };
const changed: PackFact = { type: 'policy.pack.changed.v1', data: { packId, priority: 300 } };
const deleted: PackFact = { type: 'policy.pack.deleted.v1', data: { packId } };
const { given } = specification(packs);

describe('a new pack', () => {
  test('applies by itself to every bot, is active, and can be skipped, unless told otherwise', () => {
    expect(data).toMatchObject({ autoApply: true, isActive: true, isEnforced: false, targetEnvironments: [] });
    given().when(create).then(created);
  });
  test('cannot take the id of another, not even of one that is gone', () => {
    given(created).when(create).rejects('policy.pack-exists');
    given(created, deleted).when(create).rejects('policy.pack-exists');
  });
});

describe('changing a pack', () => {
  test('says only what changed', () =>
    given(created)
      .when(change({ name: 'house rules', priority: 300, rules: data.rules, targetTags: {} }))
      .then(changed));
  test('without a difference changes nothing', () =>
    given(created, changed)
      .when(change({ priority: 300 }))
      .thenNothing());
  test('with a stale version is refused, with the right one done', () => {
    given(created, changed)
      .when(change({ isActive: false, expectedVersion: 1 }))
      .rejects('policy.version-mismatch');
    given(created, changed)
      .when(change({ isActive: false, expectedVersion: 2 }))
      .then({ type: 'policy.pack.changed.v1', data: { packId, isActive: false } });
  });
  test('is refused where there is none, or none any more', () => {
    given()
      .when(change({ priority: 1 }))
      .rejects('policy.pack-not-found');
    given(created, deleted)
      .when(change({ priority: 1 }))
      .rejects('policy.pack-not-found');
  });
});

describe('deleting a pack', () => {
  test('is done', () => given(created).when(remove()).then(deleted));
  test('with a stale version is refused', () =>
    given(created, changed).when(remove(1)).rejects('policy.version-mismatch'));
  test('is refused where there is none any more', () =>
    given(created, deleted).when(remove()).rejects('policy.pack-not-found'));
});
