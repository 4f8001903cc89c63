// What an ingest token says, and the key pairs that vouch for it.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { WorkspaceSlug } from '@molthub/contracts';
import { z } from 'zod';

export const algorithm = 'EdDSA';
export const tokenType = 'molthub-ingest+jwt';
export const audience = 'otlp';
export const issuer = 'molthub';

/** Longer tokens are refused before a byte of them is decoded. */
export const maxTokenBytes = 4096;

/** Which bot may send telemetry until when. `simulated` bots are marked so in all that is made of their telemetry. */
export const IngestClaims = z.strictObject({
  botId: z.uuid(),
  workspace: WorkspaceSlug,
  fleetId: z.uuid().nullable(),
  tokenId: z.uuid(),
  expiresAt: z.iso.datetime(),
  simulated: z.boolean(),
});
export type IngestClaims = z.infer<typeof IngestClaims>;

/** A JSON Web Key (RFC 8037: kty OKP, crv Ed25519), all of its members strings. */
export type Key = Readonly<Record<string, string>>;

/** The private half never leaves who signs; the public half is published in an event. */
export type SigningKey = { readonly keyId: string; readonly privateKey: Key; readonly publicKey: Key };

/** A new Ed25519 key pair; its id is the thumbprint of the public half (RFC 7638). */
export const generateKey = (): SigningKey => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x, d } = z.object({ x: z.string(), d: z.string() }).parse(privateKey.export({ format: 'jwk' }));
  const half = z.object({ x: z.literal(x) }).parse(publicKey.export({ format: 'jwk' }));
  const shape = { crv: 'Ed25519', kty: 'OKP', x: half.x };
  const keyId = createHash('sha256').update(JSON.stringify(shape)).digest('base64url');
  return { keyId, privateKey: { ...shape, d }, publicKey: shape };
};
