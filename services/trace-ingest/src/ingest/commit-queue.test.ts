import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sizeOf, type SpanRecord } from '../span-record.ts';
import { createCommitQueue } from './commit-queue.ts';
import type { Batch, Source } from './stored.ts';

const source: Source = { workspace: 'default', botId: randomUUID(), fleetId: null, simulated: false };
const other: Source = { ...source, botId: randomUUID() };
const record = (name: string): SpanRecord => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentSpanId: null,
  name,
  type: 'OTHER',
  kind: 1,
  status: 0,
  statusMessage: '',
  startedNs: 1n,
  durationNs: 1n,
  request: false,
  flags: 0,
  model: null,
  tool: null,
  tokens: { input: 0, cached: 0, cacheWrite: 0, output: 0, reasoning: 0 },
  costPico: null,
  session: null,
  run: null,
  fingerprint: null,
  errorType: '',
  surroundings: { resource: '{}', scope: '', rest: null },
  body: { columns: Buffer.alloc(0), content: null },
});
const namesOf = (batches: readonly Batch[]) => batches.flatMap((batch) => batch.records.map((one) => one.name));
const fault = (code: string) => Object.assign(new Error(`fault ${code}`), { code });

/** A commit that the test lets go, so that what arrives meanwhile has to wait. */
const heldCommit = () => {
  const commits: string[][] = [];
  const held: (() => void)[] = [];
  return {
    commits,
    commit: async (batches: readonly Batch[]) => {
      commits.push(namesOf(batches));
      await new Promise<void>((release) => held.push(release));
    },
    release: async () => {
      held.shift()?.();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    },
  };
};

describe('the commit queue', () => {
  test('commits together what arrives together, and what arrives during a commit after it', async () => {
    const { commits, commit, release } = heldCommit();
    const queue = createCommitQueue(commit);
    const stored = [queue.store(source, [record('a')]), queue.store(source, [record('b')])];
    await new Promise(setImmediate);
    stored.push(queue.store(source, [record('c')]), queue.store(source, [record('d')]));
    await release();
    expect(commits).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    await release();
    await Promise.all([...stored, queue.idle()]);
  });

  test('splits what is more than one commit may hold', async () => {
    const commits: string[][] = [];
    const queue = createCommitQueue(
      async (batches) => {
        commits.push(namesOf(batches));
      },
      { rowsPerCommitMax: 2 },
    );
    await queue.store(source, ['a', 'b', 'c'].map(record));
    expect(commits).toEqual([['a', 'b'], ['c']]);
  });

  test('splits what is more text than one commit may hold', async () => {
    const commits: string[][] = [];
    const queue = createCommitQueue(async (batches) => {
      commits.push(namesOf(batches));
    });
    const large = ['a', 'b', 'c'].map((name) => ({
      ...record(name),
      body: { columns: Buffer.alloc(3 * 1024 * 1024), content: null },
    }));
    await queue.store(source, large);
    expect(commits).toEqual([['a'], ['b'], ['c']]);
  });

  test('refuses with 503 what does not fit into memory, and takes it once there is room', async () => {
    const { commit, release } = heldCommit();
    const queue = createCommitQueue(commit, { bytesMax: 1_500 });
    const first = queue.store(source, [record('a'), record('b'), record('c'), record('d')]);
    await expect(queue.store(other, [record('e')])).rejects.toMatchObject({ status: 503 });
    await new Promise(setImmediate);
    await release();
    await first;
    const later = queue.store(source, [record('e')]);
    await new Promise(setImmediate);
    await release();
    await later;
  });

  test('keeps room for others beside a bot that floods, and takes more of it once it is stored', async () => {
    const { commits, commit, release } = heldCommit();
    const size = sizeOf(record('a'));
    const queue = createCommitQueue(commit, { bytesMax: size * 4 });
    const stored = [queue.store(source, [record('a')]), queue.store(source, [record('b')])];
    await expect(queue.store(source, [record('c')])).rejects.toMatchObject({ status: 429 });
    stored.push(queue.store(other, [record('d')]));
    await new Promise(setImmediate);
    await release();
    await Promise.all(stored);
    const later = queue.store(source, [record('c')]);
    await new Promise(setImmediate);
    await release();
    await later;
    expect(commits).toEqual([['a', 'b', 'd'], ['c']]);
  });

  test('tells how long what waits takes, as fast as of late', async () => {
    const { commit, release } = heldCommit();
    let nowMs = 0;
    const queue = createCommitQueue(commit, { rowsPerCommitMax: 1, nowMs: () => nowMs });
    expect(queue.drainSeconds()).toBe(1);
    const stored = ['a', 'b', 'c', 'd'].map((name) => queue.store(source, [record(name)]));
    await new Promise(setImmediate);
    nowMs = 4_000;
    expect(queue.drainSeconds()).toBe(4);
    await release();
    expect(queue.drainSeconds()).toBe(12);
    nowMs = 100_000;
    expect(queue.drainSeconds()).toBe(30);
    for (let left = 3; left > 0; left -= 1) await release();
    await Promise.all(stored);
    expect(queue.drainSeconds()).toBe(1);
  });

  test('lets only the batch fail that the database refuses for its content', async () => {
    const queue = createCommitQueue(async (batches) => {
      if (namesOf(batches).includes('bad')) throw fault('22P05');
    });
    const [good, bad, other] = ['good', 'bad', 'other'].map((name) => queue.store(source, [record(name)]));
    await expect(bad).rejects.toMatchObject({ status: 400 });
    await Promise.all([good, other]);
  });

  test.each(['57P01', 'ECONNREFUSED', 'XX000'])(
    'answers any other fault (%s) with 503, never with a loss',
    async (code) => {
      const queue = createCommitQueue(() => Promise.reject(fault(code)));
      await expect(queue.store(source, [record('a')])).rejects.toMatchObject({ status: 503 });
    },
  );
});
