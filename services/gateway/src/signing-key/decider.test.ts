import type { CommandOf, PublishSigningKey } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { test } from 'vitest';
import { signingKey } from './decider.ts';

const data = { keyId: 'k1', publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' } };
const publish: CommandOf<typeof PublishSigningKey> = {
  id: 'a3b0c1d2-8f5d-4a7e-9a56-1f2a3b4c5d6e',
  type: 'gateway.signing-key.publish.v1',
  time: '2026-11-21T10:00:00.000Z',
  workspace: 'system',
  actor: { kind: 'service', id: 'gateway', name: 'gateway' },
  correlationId: 'c',
  causationId: null,
  records: true,
  data,
};
const published = { type: 'gateway.signing-key.published.v1', data } as const;
const { given } = specification(signingKey);

test('the public half is published', () => given().when(publish).then(published));
test('every start says it again, and nothing happens', () => given(published).when(publish).thenNothing());
