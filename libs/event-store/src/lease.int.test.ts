import { until, withPostgres } from '@molthub/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isFenced } from './fault.ts';
import { createLeases, type Lease, type Leases } from './lease.ts';
import type { Log } from './log.ts';
import { newEvent, openTestLog } from './testing.ts';

const postgres = withPostgres();
const durations = { lengthMs: 1_000, renewEveryMs: 300, tryEveryMs: 50 };

let log: Log;
let close: () => Promise<void>;
let candidates: Leases[] = [];
beforeEach(async () => {
  ({ log, close } = await openTestLog((await postgres.createDatabase()).url));
});
afterEach(async () => {
  await Promise.all(candidates.map((one) => one.stop()));
  candidates = [];
  await close();
});

/** A candidate that says what it leads, and leads until it is told to end. */
const candidate = (holder: string, lengthMs: number = durations.lengthMs) => {
  const led: Lease[] = [];
  const leases = createLeases(log.pool, holder, () => undefined, { ...durations, lengthMs });
  candidates.push(leases);
  const release = leases.hold('relay', async (lease, signal) => {
    led.push(lease);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  return { led, leases, release };
};
const commitUnder = (fence: Lease | undefined) =>
  log.commit({ streams: [{ stream: 's', expected: 'any', events: [newEvent('x')] }], fence });
const expire = () => log.reads("update leases set expires_at = clock_timestamp() - interval '1 second'");

test('one of two leads, and the other does when the first is stopped, without waiting for the lease to end', async () => {
  const first = candidate('first', 3_600_000);
  await until(() => first.led.length === 1, { what: 'the first to lead' });
  const second = candidate('second', 3_600_000);
  const tries = 'select 1 from leases where expires_at > $1';
  const [lease] = await log.reads<{ at: Date }>('select expires_at as at from leases');
  await until(async () => (await log.reads(tries, [lease?.at])).length === 1, { what: 'a renewal' });
  expect(second.leases.held()).toEqual([]);
  await first.leases.stop();
  await until(() => second.led.length === 1, { what: 'the second to lead' });
  expect(second.led[0]?.epoch).toBe(2n);
});

test('a leader whose database does not answer stops leading when its lease has run out', async () => {
  const silent = Promise.withResolvers<void>();
  let isSilent = false;
  const connect = async () => {
    const client = await log.pool.connect();
    // Reads go over a connection of the pool; from the moment on that it is silent, none of them ends.
    return isSilent ? silent.promise.then(() => client) : client;
  };
  const pool = Object.assign(Object.create(log.pool), { connect });
  const leases = createLeases(pool, 'first', () => undefined, durations);
  candidates.push(leases);
  let ended = false;
  leases.hold('relay', async (_lease, signal) => {
    isSilent = true;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    ended = true;
  });
  await until(() => ended, { what: 'the leader to end', timeoutMs: 5_000 });
  silent.resolve();
});

test('what a leader writes after another took over is refused', async () => {
  const first = candidate('first');
  await until(() => first.led.length === 1, { what: 'the first to lead' });
  const lease = first.led[0];
  expect((await commitUnder(lease)).status).toBe('committed');
  await expire();
  await log.reads("update leases set holder = 'second', epoch = epoch + 1, expires_at = now() + interval '1 hour'");
  const refused = await commitUnder(lease).catch((error: unknown) => error);
  expect(isFenced(refused)).toBe(true);
  expect(await log.readStream('s')).toHaveLength(1);
  await until(() => first.leases.held().length === 0, { what: 'the first to notice' });
});

test('a leader that cannot reach the database stops leading, and leads again when it can', async () => {
  const first = candidate('first');
  await until(() => first.led.length === 1, { what: 'the lease' });
  await postgres.stopHard();
  await until(() => first.leases.held().length === 0, { what: 'the end of its leading' });
  await postgres.start();
  await until(() => first.led.length === 2, { what: 'the lease again', timeoutMs: 20_000 });
  expect(first.led.map((lease) => lease.epoch)).toEqual([1n, 2n]);
});

test('renewals and transactions under several leases never wait for each other in a circle', async () => {
  const faults: unknown[] = [];
  const often = { lengthMs: 3_600_000, renewEveryMs: 0, tryEveryMs: 0 };
  const leases = createLeases(log.pool, 'busy', (_what, error) => faults.push(error), often);
  candidates.push(leases);
  const led: Lease[] = [];
  for (const name of ['z', 'y', 'x', 'b', 'a']) {
    void leases.hold(name, async (lease, signal) => {
      led.push(lease);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
  }
  await until(() => led.length === 5, { what: 'all leases' });
  const latestFirst = led.toSorted((one, other) => (one.name < other.name ? 1 : -1));
  for (let round = 0; round < 300; round += 1) {
    const written = latestFirst.map((fence, at) =>
      log.commit({ streams: [{ stream: `s-${at}`, expected: 'any', events: [newEvent('x')] }], fence }),
    );
    expect((await Promise.all(written)).every(({ status }) => status === 'committed')).toBe(true);
  }
  expect(faults).toEqual([]);
}, 60_000);
