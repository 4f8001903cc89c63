import { CreateWaiver } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { describe, expect, test } from 'vitest';
import { type WaiverCommand, waiverDue, type WaiverFact, waivers } from './decider.ts';

const waiverId = '00000000-0000-4000-8000-000000000001';
const envelope = {
  id: '00000000-0000-4000-8000-00000000000c',
  workspace: 'acme',
  actor: { kind: 'user', id: 'u', name: 'Ada' },
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
} as const;
const data = CreateWaiver.data.parse({
  waiverId,
  name: 'fault hunt',
  packId: 'builtin-openclaw-channel-safety',
  ruleId: 'channel-dm-policy',
  scope: { selector: { team: 'support' } },
  owner: 'Ada',
  reason: 'Until Friday.',
  expiresAt: '2026-11-28T10:00:00.000Z',
});
const create = (expiresAt = data.expiresAt): WaiverCommand => ({
  ...envelope,
  type: 'policy.waiver.create.v1',
  data: { ...data, expiresAt },
});
const remove = (expectedVersion?: number): WaiverCommand => ({
  ...envelope,
  type: 'policy.waiver.delete.v1',
  data: { waiverId, ...(expectedVersion ? { expectedVersion } : {}) },
});
const expire: WaiverCommand = { ...envelope, type: 'policy.waiver.expire.v1', data: { waiverId } };
const created: WaiverFact = { type: 'policy.waiver.created.v1', data };
const deleted: WaiverFact = { type: 'policy.waiver.deleted.v1', data: { waiverId } };
const expired: WaiverFact = { type: 'policy.waiver.expired.v1', data: { waiverId } };
const { given } = specification(waivers);

describe('a new waiver', () => {
  test('is made', () => given().when(create()).then(created));
  test('ends in the future, within a year', () => {
    given().when(create('2026-11-21T10:00:00.000Z')).rejects('policy.waiver-invalid');
    given().when(create('2027-11-21T10:00:00.001Z')).rejects('policy.waiver-invalid');
    given().when(create('2027-11-21T10:00:00.000Z')).thenTypes('policy.waiver.created.v1');
  });
  test('takes the place of another in one step', () => {
    const replaces = '00000000-0000-4000-8000-000000000002';
    const renewed = { ...data, replaces };
    return given()
      .when({ ...envelope, type: 'policy.waiver.create.v1', data: renewed })
      .then(
        { type: 'policy.waiver.created.v1', data: renewed },
        { type: 'policy.waiver.deleted.v1', stream: `waiver-${replaces}`, data: { waiverId: replaces } },
      );
  });
  test('cannot take the id of another', () => given(created, deleted).when(create()).rejects('policy.waiver-exists'));
  test('is for a bot, a fleet or labels, and never for all', () => {
    const scoped = (scope: unknown) => CreateWaiver.data.safeParse({ ...data, scope }).success;
    expect(scoped({ botInstanceId: waiverId })).toBe(true);
    expect(scoped({ fleetId: waiverId })).toBe(true);
    expect(scoped({ selector: {} })).toBe(false);
    expect(scoped({})).toBe(false);
    expect(scoped({ fleetId: waiverId, botInstanceId: waiverId })).toBe(false);
  });
});

describe('its end', () => {
  test('comes by a timer at its time', () => {
    expect(waiverDue(given(created).state())).toMatchObject({ at: data.expiresAt, data: { waiverId } });
    expect(waiverDue(given(created, deleted).state())).toBeNull();
    given(created).when(expire).then(expired);
  });
  test('comes before by whoever deletes it, once', () => {
    given(created).when(remove(1)).then(deleted);
    given(created).when(remove(2)).rejects('policy.version-mismatch');
    given(created, deleted).when(remove()).rejects('policy.waiver-ended');
    given(created, expired).when(remove()).rejects('policy.waiver-ended');
    given().when(remove()).rejects('policy.waiver-not-found');
  });
  test('comes once: a timer finds a deleted one ended', () => given(created, deleted).when(expire).thenNothing());
});
