// Small rules of the door, each by itself.
import { HttpProblem } from '@molthub/http';
import { describe, expect, test } from 'vitest';
import { formatKey, hashOf, isSecret, keyFor, parseKey } from './api-key/secret.ts';
import { commandIdOf, idempotencyKeyOf } from './idempotency.ts';
import { refusalOf, translate } from './outcome.ts';
import { authorizeFleet, isOperator, type Principal } from './principal.ts';
import { networkOf } from './rate-limit.ts';

const principal: Principal = {
  keyId: 'k',
  name: 'n',
  role: 'OWNER',
  scopes: [],
  fleetIds: [],
  workspace: 'default',
  expiresAt: null,
};

describe('API keys', () => {
  const secret = Buffer.alloc(32, 7);
  test('a command makes the same key again, and another command another one', () => {
    const key = keyFor(secret, 'command-1');
    expect(keyFor(secret, 'command-1')).toEqual(key);
    expect(keyFor(secret, 'command-2').prefix).not.toBe(key.prefix);
    expect(keyFor(Buffer.alloc(32, 8), 'command-1').secret).not.toBe(key.secret);
    expect(parseKey(formatKey(key))).toEqual(key);
    expect(isSecret(key.secret, hashOf(key.secret))).toBe(true);
    expect(isSecret(`${key.secret.slice(0, -1)}!`, hashOf(key.secret))).toBe(false);
  });
  test.each(['', 'nothing', 'mh_', 'mh_0123456789abcdef_short', 'MH_0123456789abcdef_', 'eyJhbGciOiJub25lIn0.e30.'])(
    'sec-016: %j cannot be a key',
    (text) => expect(parseKey(text)).toBeUndefined(),
  );
});

describe('sec-085: an idempotency key', () => {
  test('is one of a principal, a method and a path', () => {
    const id = commandIdOf(principal, 'POST', '/fleets', 'a');
    expect(commandIdOf(principal, 'POST', '/fleets', 'a')).toBe(id);
    const others = [
      commandIdOf({ ...principal, keyId: 'other' }, 'POST', '/fleets', 'a'),
      commandIdOf({ ...principal, workspace: 'other' }, 'POST', '/fleets', 'a'),
      commandIdOf(principal, 'PATCH', '/fleets', 'a'),
      commandIdOf(principal, 'POST', '/fleets/x', 'a'),
      commandIdOf(principal, 'POST', '/fleets', 'b'),
    ];
    for (const other of others) expect(other).not.toBe(id);
  });
  test.each(['', ' ', 'a b', 'a\nb', 'ä', 'x'.repeat(256)])('%j is refused', (key) => {
    expect(() => idempotencyKeyOf(key)).toThrow(/Idempotency-Key must be/);
  });
});

describe('the status of a refusal follows from its code', () => {
  test.each([
    ['config.version-mismatch', 412],
    ['config.fleet-not-found', 404],
    ['policy.denied', 422],
    ['config.too-large', 413],
    ['config.manifest-invalid', 400],
    ['config.secret-literal', 400],
    ['config.invalid-command', 400],
    ['config.fleet-not-empty', 409],
    ['reconciler.illegal-move', 409],
  ])('%s is %d', (code, status) => {
    expect(refusalOf({ code, message: '', errors: [] }).status).toBe(status);
  });
  test('a database that is away is 503 with Retry-After, and a mistake of ours is nobody else’s', () => {
    const away = translate(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }));
    expect(away).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(translate(new Error('a mistake'))).toBeUndefined();
  });
});

describe('who may reach what', () => {
  test('a key for some fleets is held to them', () => {
    expect(() => authorizeFleet({ ...principal, fleetIds: ['a'] }, 'b')).toThrow(HttpProblem);
    expect(() => authorizeFleet({ ...principal, fleetIds: ['a'] }, 'a')).not.toThrow();
    expect(() => authorizeFleet(principal, 'b')).not.toThrow();
  });
  test('sec-004: only owners of the first workspace, for all its fleets, look after the installation', () => {
    expect(isOperator(principal)).toBe(true);
    expect(isOperator({ ...principal, workspace: 'acme' })).toBe(false);
    expect(isOperator({ ...principal, role: 'ADMIN' })).toBe(false);
    expect(isOperator({ ...principal, fleetIds: ['a'] })).toBe(false);
  });
});

describe('sec-031: an IPv6 network counts as one address', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::1', '2001:db8:1:2'],
    ['2001:0db8::1', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s is of %s', (address, network) => expect(networkOf(address)).toBe(network));
});
