import { specification } from '@molthub/decider/testing';
import { test } from 'vitest';
import { type IngestTokenCommand, type IngestTokenFact, ingestToken } from './decider.ts';

const ids = { tokenId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e', botId: 'f3b0c1d2-8f5d-4a7e-9a56-1f2a3b4c5d6e' };
const envelope = {
  id: 'a3b0c1d2-8f5d-4a7e-9a56-1f2a3b4c5d6e',
  time: '2026-11-21T10:00:00.000Z',
  workspace: 'default',
  actor: { kind: 'api-key', id: 'k', name: 'admin' },
  correlationId: 'c',
  causationId: null,
  records: true,
} as const;
const granted = { ...ids, expiresAt: '2027-01-01T00:00:00.000Z' };
const issue: IngestTokenCommand = { ...envelope, type: 'gateway.ingest-token.issue.v1', data: granted };
const revoke: IngestTokenCommand = { ...envelope, type: 'gateway.ingest-token.revoke.v1', data: ids };
const issued: IngestTokenFact = { type: 'gateway.ingest-token.issued.v1', data: granted };
const revoked: IngestTokenFact = { type: 'gateway.ingest-token.revoked.v1', data: ids };
const { given } = specification(ingestToken);

test('a token is issued', () => given().when(issue).then(issued));
test('the same request again issues no second one', () => given(issued).when(issue).thenNothing());
test('a token is revoked', () => given(issued).when(revoke).then(revoked));
test('a revoked token is not issued again', () => given(issued, revoked).when(issue).thenNothing());
test('what was never issued needs no revoking', () => given().when(revoke).thenNothing());
