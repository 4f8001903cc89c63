// Reads ingest tokens. The token chooses nothing but one of the keys at hand: not the algorithm, not where keys are.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { WorkspaceSlug } from '@molthub/contracts';
import { errors, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { algorithm, audience, type IngestClaims, issuer, type Key, maxTokenBytes, tokenType } from './claims.ts';
import { protectedHeader } from './sign.ts';

/** A public key that is trusted; `simulatedOnly` ones vouch for simulated bots and for nobody else. */
export type TrustedKey = { readonly publicKey: Key; readonly simulatedOnly: boolean };

export type RefusalReason =
  | 'too-large'
  | 'malformed'
  | 'unknown-key'
  | 'bad-signature'
  | 'bad-claims'
  | 'expired'
  | 'simulated-only';

/** Either whom the token speaks for, or why it speaks for nobody; `message` says what to do and holds no secret. */
export type Verdict =
  | { readonly status: 'valid'; readonly claims: IngestClaims }
  | { readonly status: 'refused'; readonly reason: RefusalReason; readonly message: string };

export type Verifier = { readonly verify: (token: string) => Promise<Verdict> };

/**
 * A verifier over the keys that `keys` answers at each call, by key id. A good token is remembered by its SHA-256
 * (at most `cacheEntriesMax`, default 10,000) until it expires or its key is no longer trusted, so that only a bot's
 * first request pays for the signature (measured ~0.1 ms). Bad tokens are never remembered. Revoked token ids are
 * the caller's to check. `nowMs` is the clock.
 */
export const createVerifier = (
  keys: () => ReadonlyMap<string, TrustedKey>,
  {
    cacheEntriesMax = 10_000,
    nowMs = Date.now,
  }: { readonly cacheEntriesMax?: number; readonly nowMs?: () => number } = {},
): Verifier => {
  const known = new LRUCache<string, Known>({ max: cacheEntriesMax });
  const verify = async (token: string): Promise<Verdict> => {
    if (Buffer.byteLength(token) > maxTokenBytes) {
      return refused('too-large', `An ingest token has at most ${maxTokenBytes} bytes.`);
    }
    const digest = createHash('sha256').update(token).digest('base64');
    const remembered = known.get(digest);
    if (remembered && keys().get(remembered.keyId)?.publicKey['x'] === remembered.key.publicKey['x']) {
      return Date.parse(remembered.claims.expiresAt) > nowMs() ? accepted(remembered) : expired;
    }
    const keyId = keyIdOf(token);
    if (keyId === null)
      return refused('malformed', 'This is no ingest token. Take one from POST /bot-instances/:id/ingest-token.');
    const key = keys().get(keyId);
    const publicKey = key && publicKeyOf(key.publicKey);
    if (!key || !publicKey) return refused('unknown-key', 'The token was signed with a key that is not known here.');
    const verdict = await check(token, publicKey, key, new Date(nowMs()));
    if (verdict.status === 'valid') known.set(digest, { claims: verdict.claims, keyId, key });
    return verdict;
  };
  return { verify };
};

type Known = { readonly claims: IngestClaims; readonly keyId: string; readonly key: TrustedKey };

const refused = (reason: RefusalReason, message: string): Verdict => ({ status: 'refused', reason, message });
const expired = refused('expired', 'The token has expired. Take a new one from POST /bot-instances/:id/ingest-token.');
const accepted = ({ claims }: Known): Verdict => ({ status: 'valid', claims });

const Header = z.object({ kid: z.string().min(1).max(128) });

/** The key id of a token whose header is, byte for byte, one that `sign` writes; anything else is null. */
const keyIdOf = (token: string): string | null => {
  const parts = token.split('.');
  const [head] = parts;
  if (parts.length !== 3 || !head || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) return null;
  const text = Buffer.from(head, 'base64url').toString('utf8');
  const header = Header.safeParse(parsed(text));
  if (!header.success) return null;
  return JSON.stringify(protectedHeader(header.data.kid)) === text ? header.data.kid : null;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the schema then refuses it like any other wrong header.
    return null;
  }
};

const objects = new WeakMap<Key, KeyObject>();

/** The key as the crypto library wants it, or null where it is no Ed25519 public key. */
const publicKeyOf = (key: Key): KeyObject | null => {
  const made = objects.get(key);
  if (made) return made;
  const { kty, crv, x } = key;
  if (kty !== 'OKP' || crv !== 'Ed25519' || !x || !/^[A-Za-z0-9_-]{43}$/.test(x)) return null;
  const object = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
  objects.set(key, object);
  return object;
};

const Payload = z.strictObject({
  iss: z.literal(issuer),
  aud: z.literal(audience),
  sub: z.uuid(),
  jti: z.uuid(),
  // Up to the year 9999, which is what an RFC 3339 time can say.
  exp: z.int().min(0).max(253_402_300_799),
  workspace: WorkspaceSlug,
  fleetId: z.uuid().nullable(),
  simulated: z.boolean(),
});

const check = async (token: string, publicKey: KeyObject, key: TrustedKey, currentDate: Date): Promise<Verdict> => {
  const options = { algorithms: [algorithm], typ: tokenType, audience, issuer, currentDate, requiredClaims: ['exp'] };
  try {
    const { payload } = await jwtVerify(token, publicKey, options);
    const claims = Payload.safeParse(payload);
    if (!claims.success) return refused('bad-claims', 'The token says things that an ingest token does not say.');
    const { sub, jti, exp, workspace, fleetId, simulated } = claims.data;
    if (key.simulatedOnly && !simulated) return refused('simulated-only', 'This key vouches for simulated bots only.');
    const expiresAt = new Date(exp * 1000).toISOString();
    return { status: 'valid', claims: { botId: sub, workspace, fleetId, tokenId: jti, expiresAt, simulated } };
  } catch (error) {
    if (error instanceof errors.JWTExpired) return expired;
    if (error instanceof errors.JWSSignatureVerificationFailed)
      return refused('bad-signature', 'The signature is wrong.');
    if (error instanceof errors.JOSEError) return refused('bad-claims', 'The token is not one for sending telemetry.');
    throw error;
  }
};
