// The door alone, in front of a sink that keeps what it is given in memory.
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { IngestClaims } from '@molthub/ingest-token';
import { afterEach, describe, expect, test } from 'vitest';
import { type OtlpServer, type OtlpSettings, startOtlpServer } from './otlp-server.ts';
import { Refusal } from './refusal.ts';

const claims: IngestClaims = {
  botId: randomUUID(),
  workspace: 'default',
  fleetId: null,
  tokenId: randomUUID(),
  expiresAt: '2100-01-01T00:00:00.000Z',
  simulated: false,
};
const other = { ...claims, botId: randomUUID() };
const open: OtlpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

type Started = Partial<OtlpSettings> & {
  readonly storing?: () => Promise<void>;
  readonly drainSeconds?: () => number;
};
const start = async ({ storing, drainSeconds, ...more }: Started = {}) => {
  const faults: unknown[] = [];
  const statuses: number[] = [];
  const server = await startOtlpServer(
    { host: '127.0.0.1', port: 0, ...more },
    {
      claimsOf: async (token) => {
        if (token === 'other') return other;
        if (token !== 'good') throw new Refusal(401, 'Send a token.');
        return claims;
      },
      ...(drainSeconds ? { drainSeconds } : {}),
      storeSpans: storing ?? (async () => undefined),
      storeBody: async () => undefined,
      answered: (_, status) => {
        statuses.push(status);
      },
      fault: (error) => faults.push(error),
    },
  );
  open.push(server);
  return { url: server.url, server, faults, statuses };
};

const head = (more: readonly string[]) =>
  ['POST /v1/traces HTTP/1.1', 'host: x', 'content-type: application/json', ...more, '', ''].join('\r\n');
const good = 'authorization: Bearer good';

/** Sends raw text, and answers all that comes back until the server closes. */
const exchange = (url: string, send: (socket: Socket) => void): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => send(socket));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('close', () => resolve(answer)).on('error', (error) => (answer ? resolve(answer) : reject(error)));
  });

describe('a sender that would hold a connection for ever is cut off, and told to come again', () => {
  const comeAgain = /^HTTP\/1.1 503 .*\r\nretry-after: 1\r\n/;
  test('while it trickles its headers', async () => {
    const { url } = await start({ requestTimeoutMs: 150 });
    expect(await exchange(url, (socket) => socket.write('POST /v1/traces HTTP/1.1\r\n'))).toMatch(comeAgain);
  });
  test('while it trickles its body', async () => {
    const { url } = await start({ requestTimeoutMs: 150 });
    const answer = await exchange(url, (socket) => socket.write(`${head([good, 'content-length: 100'])}{`));
    expect(answer).toMatch(comeAgain);
  });
  test('and what is not HTTP is told so', async () => {
    const { url } = await start();
    expect(await exchange(url, (socket) => socket.write('hello\r\n\r\n'))).toMatch(/^HTTP\/1.1 400/);
    const many = 'x'.repeat(20_000);
    expect(await exchange(url, (socket) => socket.write(head([good, `a: ${many}`])))).toMatch(/^HTTP\/1.1 431/);
  });
  test('when it went away in the middle, at no cost to the next', async () => {
    const { url, statuses, faults } = await start({ bodiesBytesMax: 1_000 });
    for (let i = 0; i < 5; i++) {
      await exchange(url, (socket) => {
        socket.write(`${head([good, 'content-length: 900'])}${' '.repeat(800)}`, () => socket.destroySoon());
      });
      await expect.poll(() => statuses.length).toBe(i + 1);
    }
    const body = '{}'.padEnd(900);
    const answer = await exchange(url, (socket) =>
      socket.write(`${head([good, 'content-length: 900', 'connection: close'])}${body}`),
    );
    expect(answer).toMatch(/^HTTP\/1.1 200/);
    expect(statuses).toEqual([408, 408, 408, 408, 408, 200]);
    expect(faults).toEqual([]);
  });
});

describe('headers', () => {
  test('of more than 16 KiB are refused', async () => {
    const { url } = await start();
    const large = `traceparent: ${'0'.repeat(17 * 1024)}`;
    expect(await exchange(url, (socket) => socket.write(head([good, large])))).toMatch(/^HTTP\/1.1 431/);
  });
  test('in great number are not even looked at', async () => {
    const { url } = await start();
    const many = Array.from({ length: 1_000 }, (_, i) => `baggage: k${i}=v`);
    const answer = await exchange(url, (socket) =>
      socket.write(`${head([good, 'content-length: 2', 'connection: close', ...many])}{}`),
    );
    expect(answer).toMatch(/^HTTP\/1.1 (200|431)/);
  });
});

const post = (url: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer good', ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });

const ofOther = { authorization: 'Bearer other' };

describe('what is ours to blame is told as "later"', () => {
  test('a fault is 503 with Retry-After and is reported, never 500', async () => {
    const fault = new Error('a mistake');
    const { url, faults } = await start({ storing: () => Promise.reject(fault) });
    const response = await post(url, '{}');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 14 });
    expect(faults).toEqual([fault]);
  });
  test('bodies that do not fit into memory together are 503, and later ones are taken', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { url } = await start({ bodiesBytesMax: 1_500, storing: () => held });
    const first = post(url, '{}'.padEnd(1_000));
    const refused = async () => (await post(url, '{}'.padEnd(1_000), ofOther)).status === 503;
    await expect.poll(refused).toBe(true);
    release();
    expect((await first).status).toBe(200);
    expect((await post(url, '{}'.padEnd(1_000), ofOther)).status).toBe(200);
  });
  test('a body has its place from its headers on: one that comes after it does not take it away', async () => {
    const { url } = await start({ bodiesBytesMax: 1_500 });
    const second = Promise.withResolvers<number>();
    const first = exchange(url, (socket) => {
      socket.write(`${head([good, 'connection: close', 'content-length: 1000'])}{}`);
      const later = async () => {
        second.resolve((await post(url, '{}'.padEnd(1_000), ofOther)).status);
        socket.write(''.padEnd(998));
      };
      later().catch(second.reject);
    });
    expect(await first).toMatch(/^HTTP\/1.1 200/);
    expect(await second.promise).toBe(503);
  });
  test('a bot that holds half of that memory is 429 with the time to wait, while there is room for another', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    let began = 0;
    const storing = () => {
      began += 1;
      return held;
    };
    const { url, statuses } = await start({ bodiesBytesMax: 2_000, storing, drainSeconds: () => 7 });
    const first = post(url, '{}'.padEnd(1_000));
    await expect.poll(() => began).toBe(1);
    const answer = await post(url, '{}');
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(await answer.json()).toMatchObject({ code: 8 });
    const another = post(url, '{}'.padEnd(900), ofOther);
    release();
    expect([(await first).status, (await another).status]).toEqual([200, 200]);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 429]);
  });
  test('memory that a gzip body took is given back', async () => {
    const { url } = await start({ bodiesBytesMax: 500_000 });
    const body = gzipSync('{}'.padEnd(200_000));
    for (let i = 0; i < 5; i++) expect((await post(url, body, { 'content-encoding': 'gzip' })).status).toBe(200);
  });
});

test('closing finishes what is being stored and takes nothing new', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let began = false;
  const { url, server } = await start({
    storing: () => {
      began = true;
      return held;
    },
  });
  const running = post(url, '{}');
  await expect.poll(() => began).toBe(true);
  const closed = server.close();
  release();
  expect((await running).status).toBe(200);
  await closed;
  await expect(post(url, '{}')).rejects.toThrow();
});
