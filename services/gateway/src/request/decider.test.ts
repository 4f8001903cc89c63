import { specification } from '@molthub/decider/testing';
import { test } from 'vitest';
import { type RequestCommand, request } from './decider.ts';

const requestId = '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e';
const envelope = {
  id: 'a3b0c1d2-8f5d-4a7e-9a56-1f2a3b4c5d6e',
  time: '2026-11-21T10:00:00.000Z',
  workspace: 'default',
  actor: { kind: 'api-key', id: 'k', name: 'admin' },
  correlationId: 'c',
  causationId: null,
  records: true,
} as const;
const refusal = {
  method: 'POST',
  route: '/api/v1/fleets',
  status: 409,
  code: 'config.fleet-name-taken',
  message: 'Another fleet has this name.',
  errors: [],
  resourceId: null,
  address: '127.0.0.1',
};
const denial = {
  status: 403 as const,
  route: '/api/v1/fleets',
  permission: 'fleet:create',
  address: '127.0.0.1',
  count: 1,
  minute: '2026-11-21T10:00:00.000Z',
};
const refuse: RequestCommand = { ...envelope, type: 'gateway.request.record-refusal.v1', data: { requestId, refusal } };
const deny: RequestCommand = { ...envelope, type: 'gateway.request.record-denial.v1', data: { requestId, denial } };
const refused = { type: 'gateway.request.refused.v1', data: refusal } as const;
const { given } = specification(request);

test('a refused request is noted', () => given().when(refuse).then(refused));
test('a denied request is noted', () => given().when(deny).then({ type: 'gateway.request.denied.v1', data: denial }));
test('a request is noted once', () => given(refused).when(refuse).thenNothing());
