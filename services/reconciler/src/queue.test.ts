import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createQueue, type Ending, type Priority } from './queue.ts';

const lane = 'simulated';
const make = (limit = 2, random = () => 0.5) => createQueue({ concurrency: () => limit, random });
const asked = (priority: Priority, more: { waitMs?: number; generation?: number } = {}) => ({
  lane,
  priority,
  ...more,
});
const settled: Ending = { kind: 'settled' };

describe('the keyed queue', () => {
  test('a user change goes before drift, drift before resync, and within one priority the oldest first', () => {
    const queue = make(10);
    queue.add('r', asked('resync'), 0);
    queue.add('d', asked('drift'), 0);
    queue.add('u1', asked('user'), 0);
    queue.add('u2', asked('user'), 0);
    expect([1, 2, 3, 4].map(() => queue.take(0)?.key)).toEqual(['u1', 'u2', 'd', 'r']);
  });

  test('adding a waiting key again keeps the shorter wait and the higher priority', () => {
    const queue = make();
    queue.add('a', asked('user', { waitMs: 500 }), 0);
    queue.add('a', asked('resync', { waitMs: 100 }), 0);
    expect(queue.take(99)).toBeNull();
    expect(queue.take(100)).toMatchObject({ key: 'a', priority: 'user' });
    expect(queue.take(1_000)).toBeNull();
  });

  test('a key added many times while in flight runs exactly once more', () => {
    const queue = make();
    queue.add('a', asked('user'), 0);
    queue.take(0);
    for (let i = 0; i < 5; i += 1) queue.add('a', asked('drift'), 0);
    expect(queue.take(0)).toBeNull();
    queue.done('a', settled, 0);
    expect(queue.take(0)).toMatchObject({ key: 'a', priority: 'drift' });
    queue.done('a', settled, 0);
    expect(queue.take(0)).toBeNull();
  });

  test('each failure doubles the wait, from a second to five minutes', () => {
    const queue = make();
    queue.add('a', asked('drift'), 0);
    const waits: number[] = [];
    let now = 0;
    for (let i = 0; i < 12; i += 1) {
      queue.take(now);
      queue.done('a', { kind: 'retry' }, now);
      const next = queue.nextAt(now) ?? 0;
      waits.push(next - now);
      now = next;
    }
    expect(waits).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000, 300_000,
    ]);
  });

  test('jitter stays between a second and five minutes', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 40 }), (roll, failures) => {
        const queue = make(1, () => roll);
        queue.add('a', asked('drift'), 0);
        let now = 0;
        for (let i = 0; i < failures; i += 1) {
          queue.take(now);
          queue.done('a', { kind: 'retry' }, now);
          const wait = (queue.nextAt(now) ?? 0) - now;
          expect(wait).toBeGreaterThanOrEqual(1_000);
          expect(wait).toBeLessThanOrEqual(300_000);
          now += wait;
        }
      }),
    );
  });

  test('a resync or drift does not shorten a back-off; a user or a new generation ends it', () => {
    for (const [request, early] of [
      [asked('resync', { generation: 3 }), false],
      [asked('drift'), false],
      [asked('user'), true],
      [asked('resync', { generation: 4 }), true],
    ] as const) {
      const queue = make();
      queue.add('a', asked('user', { generation: 3 }), 0);
      queue.take(0);
      queue.done('a', { kind: 'retry' }, 0);
      queue.add('a', request, 10);
      expect(queue.take(10)?.attempt ?? null).toBe(early ? 1 : null);
    }
  });

  test('a new generation that comes while the old one fails starts at once and counts from the first attempt', () => {
    const queue = make();
    queue.add('a', asked('user', { generation: 1 }), 0);
    queue.take(0);
    queue.add('a', asked('user', { generation: 2 }), 0);
    queue.done('a', { kind: 'retry' }, 0);
    expect(queue.take(0)).toMatchObject({ key: 'a', attempt: 1 });
  });

  test('a permanent error does not spin: only a user or a new generation lifts it', () => {
    const queue = make();
    queue.add('a', asked('user', { generation: 1 }), 0);
    queue.take(0);
    queue.add('a', asked('drift'), 0);
    queue.done('a', { kind: 'blocked' }, 0);
    queue.add('a', asked('resync', { generation: 1 }), 0);
    queue.add('a', asked('drift'), 0);
    expect(queue.take(1e9)).toBeNull();
    queue.add('a', asked('resync', { generation: 2 }), 0);
    expect(queue.take(0)?.key).toBe('a');
  });

  test('a lane that is full leaves room for the other lanes', () => {
    const queue = createQueue({ concurrency: (name) => (name === 'local' ? 1 : 2), random: () => 0 });
    queue.add('l1', { lane: 'local', priority: 'user' }, 0);
    queue.add('l2', { lane: 'local', priority: 'user' }, 0);
    queue.add('s1', { lane: 'simulated', priority: 'resync' }, 0);
    expect([queue.take(0)?.key, queue.take(0)?.key, queue.take(0)]).toEqual(['l1', 's1', null]);
    queue.done('l1', settled, 0);
    expect(queue.take(0)?.key).toBe('l2');
  });

  test('tells a key that waits for room from one that waits for its time, and how long one has been in flight', () => {
    const queue = make(1);
    queue.add('a', asked('user'), 0);
    queue.add('b', asked('user'), 0);
    queue.add('c', asked('user', { waitMs: 100 }), 0);
    queue.take(10);
    expect(['a', 'b', 'c'].map((key) => queue.waitsForRoom(key, 50))).toEqual([false, true, false]);
    expect(['a', 'b', 'c'].map((key) => queue.inFlightMs(key, 50))).toEqual([40, null, null]);
  });

  test('ending a key that is not in flight is a fault', () => {
    expect(() => make().done('a', settled, 0)).toThrow(/not in flight/);
  });
});

type Move =
  | { kind: 'add'; key: string; priority: Priority; waitMs: number }
  | { kind: 'take' }
  | { kind: 'done'; roll: number };

const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    priority: fc.constantFrom<Priority>('resync', 'drift', 'user'),
    waitMs: fc.integer({ min: 0, max: 50 }),
  }),
  fc.record({ kind: fc.constant('take' as const) }),
  fc.record({ kind: fc.constant('done' as const), roll: fc.nat(100) }),
);
const endings: readonly Ending[] = [
  settled,
  settled,
  { kind: 'retry' },
  { kind: 'again', waitMs: 5, priority: 'drift' },
];

test('whatever happens, a key is in flight once, lanes keep their limit, and every wish is served after it was made', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
      const queue = make(2);
      const inFlight: string[] = [];
      const owed = new Set<string>();
      let now = 0;
      const take = () => {
        const ticket = queue.take(now);
        if (!ticket) return false;
        expect(inFlight).not.toContain(ticket.key);
        inFlight.push(ticket.key);
        owed.delete(ticket.key);
        expect(inFlight.length).toBeLessThanOrEqual(2);
        return true;
      };
      for (const step of moves) {
        now += 1;
        if (step.kind === 'add') {
          queue.add(step.key, asked(step.priority, { waitMs: step.waitMs }), now);
          owed.add(step.key);
        } else if (step.kind === 'take') take();
        else {
          const key = inFlight.splice(step.roll % Math.max(1, inFlight.length), 1)[0];
          if (key !== undefined) queue.done(key, endings[step.roll % endings.length] ?? settled, now);
        }
      }
      for (let round = 0; round < 1_000; round += 1) {
        while (take());
        const key = inFlight.shift();
        if (key !== undefined) queue.done(key, settled, now);
        const next = queue.nextAt(now);
        if (next === null && inFlight.length === 0) break;
        now = Math.max(now, next ?? now);
      }
      expect([...owed]).toEqual([]);
      expect(queue.inFlight()).toBe(0);
      expect(queue.waiting()).toBe(0);
    }),
    { numRuns: 500 },
  );
});
