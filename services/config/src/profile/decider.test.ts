import type { CommandOf, CreateProfile, UpdateProfile } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, test } from 'vitest';
import { type ProfileCommand, type ProfileFact, profiles } from './decider.ts';

const profileId = '00000000-0000-4000-8000-000000000001';
const envelope = {
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const quiet = {
  profileId,
  name: 'quiet',
  description: '',
  fleetIds: [],
  priority: 100,
  defaults: { spec: { config: { logging: { level: 'warn' } } } },
  strategies: {},
  lockedFields: [],
  allowInstanceOverrides: true,
  isActive: true,
};
const create = (more: Partial<CommandOf<typeof CreateProfile>['data']> = {}): ProfileCommand => ({
  ...envelope,
  type: 'config.profile.create.v1',
  data: { ...quiet, ...more },
});
const update = (more: Partial<CommandOf<typeof UpdateProfile>['data']>): ProfileCommand => ({
  ...envelope,
  type: 'config.profile.update.v1',
  data: { profileId, ...more },
});
const remove = (expectedVersion?: number): ProfileCommand => ({
  ...envelope,
  type: 'config.profile.delete.v1',
  data: { profileId, ...(expectedVersion ? { expectedVersion } : {}) },
});
const created: ProfileFact = { type: 'config.profile.created.v1', data: quiet };
const locked: ProfileFact = {
  type: 'config.profile.updated.v1',
  data: { ...quiet, lockedFields: ['spec.config.logging.level'] },
};
const deleted: ProfileFact = { type: 'config.profile.deleted.v1', data: { profileId, name: 'quiet' } };
const told = (change: 'created' | 'updated' | 'deleted', version: number) => ({
  type: 'config.layers.changed.v1' as const,
  stream: 'layers-acme',
  data: { layer: { kind: 'profile' as const, id: profileId, name: 'quiet', version }, change },
});
const { given } = specification(profiles);

describe('a profile', () => {
  test('is created once', () => {
    given().when(create()).then(created, told('created', 1));
    given(created).when(create()).rejects('config.profile-exists');
    given(created, deleted).when(create()).rejects('config.profile-exists');
  });
  test('is told whole when a part of it changes', () =>
    given(created)
      .when(update({ lockedFields: ['spec.config.logging.level'] }))
      .then(locked, told('updated', 2)));
  test('that is said again is no change', () =>
    given(created)
      .when(update({ name: 'quiet', defaults: quiet.defaults }))
      .thenNothing());
  test('is deleted, and the layers of the workspace are others then', () =>
    given(created, locked).when(remove()).then(deleted, told('deleted', 3)));
  test('is changed and deleted only as its reader knew it', () => {
    given(created, locked)
      .when(update({ priority: 1, expectedVersion: 1 }))
      .rejects('config.version-mismatch');
    given(created, locked).when(remove(1)).rejects('config.version-mismatch');
    given(created, locked).when(remove(2)).thenTypes('config.profile.deleted.v1', 'config.layers.changed.v1');
  });
  test('that is not there is neither changed nor deleted', () => {
    given().when(remove()).rejects('config.profile-not-found');
    given(created, deleted)
      .when(update({ priority: 1 }))
      .rejects('config.profile-not-found');
  });
});
