import { expect, test } from 'vitest';
import { defaultHealthCheck, type Target } from './targets.ts';
import { createWatch, outMax } from './watch.ts';

const intervalMs = 30_000;
const now = 1_000_000_000_500;
const target = (more: Partial<Target> = {}): Target => ({
  workspace: 'default',
  botId: '0193a000-0000-7000-8000-0000000000b1',
  fleetId: '0193a000-0000-7000-8000-00000000000f',
  mode: 'RUNNING',
  url: 'ws://127.0.0.1:18789',
  tokenReference: null,
  simulated: false,
  hash: null,
  healthCheck: defaultHealthCheck,
  ...more,
});
const healthy = { status: 'HEALTHY', latencyMs: 3, detail: '' } as const;
const toldWell = { status: 'HEALTHY', hash: null } as const;
const unhealthy = { status: 'UNHEALTHY', latencyMs: null, detail: '' } as const;

/** When the bot is due next; a failure of the test where it never is. */
const nextOf = (watch: ReturnType<typeof createWatch>) => watch.nextMs() ?? Number.NaN;

test('a new bot is asked at once, at its own place within the interval, and then once an interval', () => {
  const watch = createWatch(intervalMs);
  const bot = target();
  watch.update(bot, null, now);
  expect(watch.take(now)).toEqual([bot]);
  expect(watch.take(now)).toEqual([]);
  expect(watch.note(bot, healthy, now + 5)).toMatchObject({ tell: true, status: 'HEALTHY' });
  const place = nextOf(watch);
  expect(place).toBeGreaterThan(now + 5);
  expect(place).toBeLessThanOrEqual(now + 5 + intervalMs);
  expect(watch.take(place)).toEqual([bot]);
  watch.note(bot, healthy, place + 5);
  expect(watch.nextMs()).toBe(place + intervalMs);
});

test('a changed endpoint or configuration is asked at once', () => {
  for (const change of [{ url: 'ws://127.0.0.1:19000' }, { hash: `sha256:${'1'.repeat(64)}` }]) {
    const watch = createWatch(intervalMs);
    watch.update(target(), null, now);
    watch.note(watch.take(now)[0] ?? target(), healthy, now);
    watch.update(target(change), toldWell, now + 10);
    expect(watch.nextMs()).toBe(now + 10);
  }
});

test('news of a bot that is well and unchanged does not hasten its next probe', () => {
  const watch = createWatch(intervalMs);
  watch.update(target(), null, now);
  watch.note(watch.take(now)[0] ?? target(), healthy, now);
  const place = nextOf(watch);
  watch.update(target(), toldWell, now + 10);
  expect(watch.nextMs()).toBe(place);
});

test('an answer from an endpoint that is no longer the bot’s counts for nothing', () => {
  const watch = createWatch(intervalMs);
  watch.update(target(), null, now);
  const [old] = watch.take(now);
  watch.update(target({ url: 'ws://127.0.0.1:19000' }), null, now);
  expect(watch.note(old ?? target(), unhealthy, now)).toBeNull();
  expect(watch.take(now)).toHaveLength(1);
});

test.each(['STOPPED', 'PAUSED', 'DESTROYED', 'STARTING'] as const)(
  'a bot that is %s is not asked and is unknown',
  (mode) => {
    const watch = createWatch(intervalMs);
    watch.update(target(), toldWell, now);
    expect(watch.update(target({ mode }), toldWell, now)).toBe('UNKNOWN');
    expect(watch.take(now + 2 * intervalMs)).toEqual([]);
    expect(watch.update(target({ mode }), { status: 'UNKNOWN', hash: null }, now)).toBeNull();
  },
);

test('after a restart, bots that were well are spread over the interval', () => {
  const watch = createWatch(intervalMs);
  for (let at = 0; at < 300; at += 1) {
    watch.update(
      target({ botId: `0193a000-0000-7000-8000-${String(at).padStart(12, '0')}`, simulated: true }),
      toldWell,
      now,
    );
  }
  expect(watch.take(now)).toEqual([]);
  const firstHalf = watch.take(now + intervalMs / 2).length;
  expect(firstHalf).toBeGreaterThan(100);
  expect(firstHalf).toBeLessThan(200);
  expect(watch.take(now + intervalMs + 1_000).length + firstHalf).toBe(300);
});

test('simulated bots are due in whole seconds, so that one request asks for many', () => {
  const watch = createWatch(intervalMs);
  const bot = target({ simulated: true });
  watch.update(bot, null, now);
  watch.take(now);
  watch.note(bot, healthy, now + 7);
  expect((watch.nextMs() ?? 1) % 1_000).toBe(0);
});

test('a manifest says how often its bot is asked and how much is borne', () => {
  const watch = createWatch(intervalMs);
  const bot = target({ healthCheck: { kind: 'engine', intervalS: 120, failuresMax: 1 } });
  watch.update(bot, null, now);
  watch.note(watch.take(now)[0] ?? target(), healthy, now);
  const place = nextOf(watch);
  watch.note(watch.take(place)[0] ?? target(), healthy, place);
  expect(watch.nextMs()).toBe(place + 120_000);
  watch.take(place + 120_000);
  expect(watch.note(bot, unhealthy, place + 120_000)).toMatchObject({ tell: true, status: 'UNHEALTHY' });
});

test('a bot whose manifest switches the check off is not asked, and what was said of it is taken back', () => {
  const watch = createWatch(intervalMs);
  watch.update(target(), null, now);
  watch.note(watch.take(now)[0] ?? target(), healthy, now);
  expect(watch.update(target({ healthCheck: { kind: 'none' } }), toldWell, now + 10)).toBe('UNKNOWN');
  expect(watch.nextMs()).toBe(null);
  expect(watch.update(target(), { status: 'UNKNOWN', hash: null }, now + 20)).toBe(null);
  expect(watch.take(now + 20)).toHaveLength(1);
});

test('a bot whose configuration changed while nobody watched is asked at once and told of the new one', () => {
  const watch = createWatch(intervalMs);
  const [before, after] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
  watch.update(target({ hash: before }), { status: 'HEALTHY', hash: before }, now);
  expect(watch.take(now)).toEqual([]);
  const bot = target({ botId: '0193a000-0000-7000-8000-0000000000b2', hash: after });
  watch.update(bot, { status: 'HEALTHY', hash: before }, now);
  expect(watch.take(now)).toEqual([bot]);
  expect(watch.note(bot, healthy, now + 5)).toMatchObject({ tell: true, status: 'HEALTHY', hash: after });
});

test('an answer of the configuration before is no news of the one that came meanwhile', () => {
  const watch = createWatch(intervalMs);
  const [before, after] = [target({ hash: `sha256:${'1'.repeat(64)}` }), target({ hash: `sha256:${'2'.repeat(64)}` })];
  watch.update(before, null, now);
  watch.take(now);
  watch.update(after, null, now + 1);
  expect(watch.note(before, healthy, now + 2)).toBeNull();
  expect(watch.take(now + 2)).toEqual([after]);
  expect(watch.note(after, healthy, now + 3)).toMatchObject({ tell: true, hash: after.hash });
});

test('ten thousand bots that came at once are spread over the interval, and never more are out than may be', () => {
  for (const simulated of [false, true]) {
    const watch = createWatch(intervalMs);
    const bots = Array.from({ length: 10_000 }, (_, at) =>
      target({ botId: `0193a000-0000-7000-8000-${String(at).padStart(12, '0')}`, simulated }),
    );
    for (const bot of bots) watch.update(bot, null, now);
    const stepMs = 100;
    const askedAt = new Map<string, number[]>();
    let asked: readonly Target[] = [];
    // The first round, and two intervals after it.
    for (let atMs = now; atMs < now + 3 * intervalMs; atMs += stepMs) {
      for (const bot of asked) watch.note(bot, healthy, atMs);
      asked = watch.take(atMs);
      expect(asked.length).toBeLessThanOrEqual(simulated ? outMax.simulated : outMax.real);
      for (const { botId } of asked) askedAt.set(botId, [...(askedAt.get(botId) ?? []), atMs]);
    }
    expect(askedAt.size).toBe(10_000);
    const settled = [...askedAt.values()].map((times) => times.filter((atMs) => atMs >= now + 2 * intervalMs));
    expect(settled.filter((times) => times.length !== 1)).toEqual([]);
    const bySecond = Map.groupBy(settled.flat(), (atMs) => Math.floor((atMs - now) / 1_000));
    expect(bySecond.size).toBeGreaterThanOrEqual(intervalMs / 1_000);
    // A third of a thousand in each second on average.
    expect(Math.max(...[...bySecond.values()].map((times) => times.length))).toBeLessThan(450);
  }
});

test('a bot that takes long to answer takes up its place until it does', () => {
  const watch = createWatch(intervalMs);
  const bots = Array.from({ length: outMax.real + 1 }, (_, at) =>
    target({ botId: `0193a000-0000-7000-8000-${String(at).padStart(12, '0')}` }),
  );
  for (const bot of bots) watch.update(bot, null, now);
  const [slow] = watch.take(now);
  expect(watch.take(now + 1)).toEqual([]);
  watch.note(slow ?? target(), healthy, now + 2);
  expect(watch.take(now + 2)).toHaveLength(1);
});
