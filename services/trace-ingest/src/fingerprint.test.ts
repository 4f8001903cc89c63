import { describe, expect, test } from 'vitest';
import { fingerprintOf } from './fingerprint.ts';

const of = (message: string, name = 'openclaw.run', type = '') => fingerprintOf(name, type, message);

describe('a fingerprint', () => {
  test.each([
    ['took 5000ms', 'took 31 ms'.replace(' ms', 'ms')],
    ['no session 550e8400-e29b-41d4-a716-446655440000', 'no session 123e4567-e89b-12d3-a456-426614174000'],
    ["ENOENT: open '/home/a/notes.md'", "ENOENT: open '/srv/b.md'"],
    ['no such user "alice"', 'no such user "bob"'],
    ['cannot read /var/run/job-17/out', 'cannot read /var/run/job-4/out'],
    ['commit deadbeefcafe is gone', 'commit 0123456789ab is gone'],
    ['connect 10.0.0.1:80 refused', 'connect 192.168.7.12:8080 refused'],
  ])('is the same for %j and %j', (one, other) => expect(of(one)).toBe(of(other)));

  test.each([
    ["can't connect", "can't read"],
    ['rate limit', 'timeout'],
    ['', 'timeout'],
  ])('differs between %j and %j', (one, other) => expect(of(one)).not.toBe(of(other)));

  test('tells spans and classes of errors apart', () => {
    expect(of('no', 'a')).not.toBe(of('no', 'b'));
    expect(of('no', 'a', 'TypeError')).not.toBe(of('no', 'a', 'RangeError'));
    expect(of('no', 'GET /users/4')).toBe(of('no', 'GET /users/5'));
  });

  test('is a positive number of 63 bits, and stays the same in the next release', () => {
    expect(of('no model')).toBeGreaterThan(0n);
    expect(of('no model')).toBeLessThan(2n ** 63n);
    expect(of('no model')).toMatchInlineSnapshot(`997383918064062866n`);
  });

  test('takes its time from the beginning of a text alone', () => {
    expect(of(`${'a-'.repeat(300)}1`)).toBe(of(`${'a-'.repeat(30_000)}2`));
  });
});
