import { createPrivateKey, generateKeyPairSync, randomUUID, sign as signBytes } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { createVerifier, generateKey, type IngestClaims, maxTokenBytes, sign, type TrustedKey } from './index.ts';

const key = generateKey();
const simulator = generateKey();
const trusted = new Map<string, TrustedKey>([
  [key.keyId, { publicKey: key.publicKey, simulatedOnly: false }],
  [simulator.keyId, { publicKey: simulator.publicKey, simulatedOnly: true }],
]);
const claims: IngestClaims = {
  botId: randomUUID(),
  workspace: 'default',
  fleetId: randomUUID(),
  tokenId: randomUUID(),
  expiresAt: '2030-01-01T00:00:00.000Z',
  simulated: false,
};
const inTime = () => Date.parse('2027-01-01T00:00:00Z');
const verifier = () => createVerifier(() => trusted, { nowMs: inTime });
const reasonOf = async (token: string) => {
  const verdict = await verifier().verify(token);
  return verdict.status === 'refused' ? verdict.reason : verdict.status;
};

const header = { alg: 'EdDSA', kid: key.keyId, typ: 'molthub-ingest+jwt' };
const payload = {
  workspace: 'default',
  fleetId: null,
  simulated: false,
  iss: 'molthub',
  aud: 'otlp',
  sub: claims.botId,
  jti: claims.tokenId,
  exp: Date.parse(claims.expiresAt) / 1000,
};
const privateJwk = { ...key.privateKey, kty: 'OKP' };
const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** A token with this header and payload and the true key's signature over them. */
const signed = (head: unknown, body: unknown) => {
  const input = `${encoded(head)}.${encoded(body)}`;
  const signature = signBytes(null, Buffer.from(input), createPrivateKey({ key: privateJwk, format: 'jwk' }));
  return `${input}.${signature.toString('base64url')}`;
};

describe('a good token', () => {
  test('says what was signed, the first time and from memory', async () => {
    const token = await sign(claims, key);
    const { verify } = verifier();
    const first = await verify(token);
    expect(first).toEqual({ status: 'valid', claims });
    expect(await verify(token)).toEqual(first);
    expect(await reasonOf(signed(header, payload))).toBe('valid');
  });

  test('is forgotten when it expires', async () => {
    const token = await sign(claims, key);
    let now = inTime();
    const { verify } = createVerifier(() => trusted, { nowMs: () => now });
    expect(await verify(token)).toMatchObject({ status: 'valid' });
    now = Date.parse(claims.expiresAt);
    expect(await verify(token)).toMatchObject({ reason: 'expired' });
  });

  test('is forgotten when its key is no longer trusted, or another has taken its id', async () => {
    const token = await sign(claims, key);
    const keys = new Map(trusted);
    const { verify } = createVerifier(() => keys, { nowMs: inTime });
    expect(await verify(token)).toMatchObject({ status: 'valid' });
    keys.set(key.keyId, { publicKey: simulator.publicKey, simulatedOnly: false });
    expect(await verify(token)).toMatchObject({ reason: 'bad-signature' });
    keys.delete(key.keyId);
    expect(await verify(token)).toMatchObject({ reason: 'unknown-key' });
  });

  test('of the simulator is good for simulated bots only', async () => {
    expect(await reasonOf(await sign({ ...claims, simulated: true }, simulator))).toBe('valid');
    expect(await reasonOf(await sign(claims, simulator))).toBe('simulated-only');
  });

  test('is not signed over claims that are not well-formed', async () => {
    await expect(sign({ ...claims, workspace: 'a.*' }, key)).rejects.toThrow(/workspace/);
    await expect(sign({ ...claims, expiresAt: 'soon' }, key)).rejects.toThrow(/expiresAt/);
  });
});

describe('an attack by the header is refused', () => {
  test.each(['none', 'None', 'nOnE', 'HS256', 'RS256', 'ES256', 'Ed25519', ''])('alg %j', async (alg) => {
    expect(await reasonOf(signed({ ...header, alg }, payload))).toBe('malformed');
  });
  test('an unsecured token', async () => {
    const token = new UnsecuredJWT(payload).encode();
    expect(await reasonOf(token)).toBe('malformed');
    expect(await reasonOf(`${encoded(header)}.${encoded(payload)}.`)).toBe('malformed');
  });
  test('HS256 with our public key as its secret', async () => {
    const secret = Buffer.from(key.publicKey['x'] ?? '', 'base64url');
    const token = await new SignJWT(payload).setProtectedHeader({ ...header, alg: 'HS256' }).sign(secret);
    expect(await reasonOf(token)).toBe('malformed');
  });
  test.each([
    { jku: 'https://evil.example/keys' },
    { x5u: 'https://evil.example/cert' },
    { jwk: simulator.publicKey },
    { crit: ['exp'], exp: 1 },
    { b64: false, crit: ['b64'] },
    { zip: 'DEF' },
    { cty: 'JWT' },
  ])('more in it than there is to say: %j', async (more) => {
    expect(await reasonOf(signed({ ...header, ...more }, payload))).toBe('malformed');
  });
  test('a doubled alg', async () => {
    const text = `{"alg":"none","alg":"EdDSA","kid":"${key.keyId}","typ":"molthub-ingest+jwt"}`;
    expect(await reasonOf(signed(text, payload))).toBe('malformed');
  });
  test.each(['../../etc/passwd', "' or 1=1 --", '__proto__', 'constructor', 'toString', simulator.keyId.slice(1)])(
    'kid %j',
    async (kid) => {
      expect(await reasonOf(signed({ ...header, kid }, payload))).toBe('unknown-key');
    },
  );
  test('a kid of 10 KB, and every token above the limit', async () => {
    expect(await reasonOf(signed({ ...header, kid: 'k'.repeat(10_000) }, payload))).toBe('too-large');
    expect(await reasonOf('a'.repeat(maxTokenBytes + 1))).toBe('too-large');
    expect(await reasonOf('a'.repeat(maxTokenBytes))).toBe('malformed');
  });
  test('another typ, such as that of an API session', async () => {
    expect(await reasonOf(signed({ ...header, typ: 'JWT' }, payload))).toBe('malformed');
  });
  test.each(['', '.', '..', 'a.b', 'a.b.c.d', 'a.b.c.d.e', 'mh_key_0123456789', ' ', 'é.é.é'])('%j', async (token) => {
    expect(await reasonOf(token)).toBe('malformed');
  });
});

describe('an attack by key, signature or claims is refused', () => {
  test('a stranger signs with our key id', async () => {
    expect(await reasonOf(await sign(claims, { ...generateKey(), keyId: key.keyId }))).toBe('bad-signature');
  });
  test('the payload of another bot under this signature', async () => {
    const [head, , signature] = (await sign(claims, key)).split('.');
    const [, other] = (await sign({ ...claims, botId: randomUUID() }, key)).split('.');
    expect(await reasonOf(`${head}.${other}.${signature}`)).toBe('bad-signature');
  });
  test.each([
    ['no exp', { exp: undefined }, 'bad-claims'],
    ['a past exp', { exp: 1 }, 'expired'],
    ['an exp that is text', { exp: '2030' }, 'bad-claims'],
    ['an exp beyond all years', { exp: 1e300 }, 'bad-claims'],
    ['nbf in the future', { nbf: payload.exp - 1 }, 'bad-claims'],
    ['another audience', { aud: 'api' }, 'bad-claims'],
    ['several audiences', { aud: ['otlp', 'api'] }, 'bad-claims'],
    ['another issuer', { iss: 'else' }, 'bad-claims'],
    ['no bot', { sub: undefined }, 'bad-claims'],
    ['a bot that is a path', { sub: '../x' }, 'bad-claims'],
    ['a workspace with a wildcard', { workspace: '>' }, 'bad-claims'],
    ['a claim of its own', { role: 'OWNER' }, 'bad-claims'],
  ])('%s', async (_, change, reason) => {
    expect(await reasonOf(signed(header, { ...payload, ...change }))).toBe(reason);
  });
  test('a payload that is no JSON object', async () => {
    expect(await reasonOf(signed(header, '[]'))).toBe('bad-claims');
    expect(await reasonOf(signed(header, 'nonsense'))).toBe('bad-claims');
  });
  test('a published key that is no Ed25519 key is as good as none', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    const keys = new Map([
      [key.keyId, { publicKey: { kty: 'RSA', n: String(rsa.n), e: 'AQAB' }, simulatedOnly: false }],
    ]);
    const verdict = await createVerifier(() => keys).verify(await sign(claims, key));
    expect(verdict).toMatchObject({ reason: 'unknown-key' });
  });
});

test('memory is bounded: more tokens than it holds are still verified', async () => {
  const { verify } = createVerifier(() => trusted, { nowMs: inTime, cacheEntriesMax: 2 });
  const tokens = await Promise.all(Array.from({ length: 5 }, () => sign({ ...claims, tokenId: randomUUID() }, key)));
  for (const token of [...tokens, ...tokens]) expect(await verify(token)).toMatchObject({ status: 'valid' });
});
