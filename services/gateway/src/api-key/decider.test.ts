import { specification } from '@molthub/decider/testing';
import { test } from 'vitest';
import { type ApiKeyCommand, type ApiKeyFact, apiKey } from './decider.ts';

const keyId = '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e';
const envelope = {
  id: 'f3b0c1d2-8f5d-4a7e-9a56-1f2a3b4c5d6e',
  time: '2026-11-21T10:00:00.000Z',
  workspace: 'default',
  actor: { kind: 'api-key', id: 'k', name: 'admin' },
  correlationId: 'c',
  causationId: null,
  records: true,
} as const;
const data = { keyId, name: 'ci', role: 'OPERATOR', scopes: ['bot:*'], fleetIds: [], expiresAt: null } as const;
const create: ApiKeyCommand = {
  ...envelope,
  type: 'gateway.api-key.create.v1',
  data: { ...data, scopes: ['bot:*'], fleetIds: [] },
};
const revoke: ApiKeyCommand = { ...envelope, type: 'gateway.api-key.revoke.v1', data: { keyId } };
const created: ApiKeyFact = { type: 'gateway.api-key.created.v1', data: create.data };
const revoked: ApiKeyFact = { type: 'gateway.api-key.revoked.v1', data: { keyId } };
const { given } = specification(apiKey);

test('a key is made', () => given().when(create).then(created));
test('the same request again makes no second one', () => given(created).when(create).thenNothing());
test('nor does it bring a revoked one back', () => given(created, revoked).when(create).thenNothing());
test('a key is revoked', () => given(created).when(revoke).then(revoked));
test('a revoked key stays revoked', () => given(created, revoked).when(revoke).thenNothing());
test('a key that never was cannot be revoked', () => given().when(revoke).rejects('gateway.api-key-not-found'));
