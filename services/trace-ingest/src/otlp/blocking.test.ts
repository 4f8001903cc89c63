// Bodies that nobody means to send, through the door as it is: none crashes it, none holds up the others, and what the
// reference refuses is refused.
import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { captured } from '../testing.ts';
import { type Errand, Found, largeBodies } from './mutants.ts';
import { startOtlpServer } from './otlp-server.ts';
import { toJson } from './testing.ts';

const blockMsMax = 50;

/**
 * The longest that one turn of this thread's loop kept it busy, in milliseconds. Where another program has the
 * processor, time goes by in which nothing is held up by the door: so it is the thread's own time that counts, and no
 * more than went by.
 */
const watchTurns = () => {
  let longestMs = 0;
  let watching = true;
  let [cpu, at] = [process.threadCpuUsage(), performance.now()];
  const look = () => {
    const [nowCpu, now] = [process.threadCpuUsage(), performance.now()];
    const busyMs = (nowCpu.user - cpu.user + nowCpu.system - cpu.system) / 1_000;
    longestMs = Math.max(longestMs, Math.min(busyMs, now - at));
    [cpu, at] = [nowCpu, now];
    if (watching) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    watching = false;
    return longestMs;
  };
};

const send = (errand: Errand): Promise<Found> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./send-mutants.ts', import.meta.url), { workerData: errand });
    worker.on('message', (found) => resolve(Found.parse(found))).on('error', reject);
    worker.on('exit', (code) => reject(new Error(`The senders ended (${code}) without a word.`)));
  });

test('100,000 changed bodies and the largest ones crash nothing and hold up nobody', { timeout: 600_000 }, async () => {
  const faults: unknown[] = [];
  const server = await startOtlpServer(
    { host: '127.0.0.1', port: 0 },
    {
      claimsOf: async () => ({
        botId: randomUUID(),
        workspace: 'default',
        fleetId: null,
        tokenId: randomUUID(),
        expiresAt: '2100-01-01T00:00:00.000Z',
        simulated: false,
      }),
      storeSpans: async () => undefined,
      storeBody: async () => undefined,
      answered: () => undefined,
      fault: (error) => faults.push(error),
    },
  );
  const bodies = ['turn1-plain', 'turn3-one-tool'].flatMap((turn) => captured(turn));
  const seed = Date.now() % 2 ** 31;
  const longestMs = watchTurns();
  const found = await send({
    url: server.url,
    token: 'good',
    seed,
    count: 100_000,
    protobuf: bodies.map((body) => body.toString('hex')),
    json: bodies.map((body) => toJson(body).toString('hex')),
  });
  const longest = longestMs();
  await server.close();
  expect(faults, `seed ${seed}`).toEqual([]);
  expect(found.wrong, `seed ${seed}`).toEqual([]);
  expect(found.refused).toBeGreaterThan(20_000);
  expect(found.answers['200']).toBeGreaterThan(4_000);
  expect(Object.keys(found.large).sort()).toEqual(Object.keys(largeBodies()).sort());
  expect(Object.values(found.large).filter((status) => status !== 200 && status !== 413)).toEqual([]);
  expect(longest, `seed ${seed}: ${JSON.stringify(found.large)}`).toBeLessThan(blockMsMax);
});
