import { createPrivateKey } from 'node:crypto';
import { SignJWT } from 'jose';
import { algorithm, audience, IngestClaims, issuer, type SigningKey, tokenType } from './claims.ts';

/**
 * A compact JWS (RFC 7515) that lets its bearer send telemetry as one bot until `expiresAt`, whole seconds.
 * Throws a ZodError where the claims are not well-formed.
 */
export const sign = async (claims: IngestClaims, key: SigningKey): Promise<string> => {
  const { botId, workspace, fleetId, tokenId, expiresAt, simulated } = IngestClaims.parse(claims);
  return new SignJWT({ workspace, fleetId, simulated })
    .setProtectedHeader(protectedHeader(key.keyId))
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(botId)
    .setJti(tokenId)
    .setExpirationTime(Math.floor(Date.parse(expiresAt) / 1000))
    .sign(createPrivateKey({ key: { ...key.privateKey }, format: 'jwk' }));
};

/** The one header a token may have, in the one order: whatever differs from it by a byte is refused. */
export const protectedHeader = (keyId: string) => ({ alg: algorithm, kid: keyId, typ: tokenType });
