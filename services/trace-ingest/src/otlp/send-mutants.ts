// Sends bodies that nobody means to send to a door, from a thread of its own, and compares its answers with the reference.
import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { Errand, Found, type LargeBody, largeBodies, mutate, randomOf } from './mutants.ts';
import { referenceRefuses } from './testing.ts';

const inFlight = 8;
/** Every so many bodies a large one. */
const largeEvery = 2_000;

const errand = Errand.parse(workerData);
const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
const next = randomOf(errand.seed);
const found: { -readonly [K in keyof Found]: Found[K] } = { answers: {}, refused: 0, wrong: [], large: {} };

const post = ({ body, isJson }: LargeBody, isGzip: boolean): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = isGzip ? gzipSync(body, { level: 1 }) : body;
    const headers = {
      authorization: `Bearer ${errand.token}`,
      'content-type': isJson ? 'application/json' : 'application/x-protobuf',
      'content-length': sent.length,
      ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
    };
    request(`${errand.url}/v1/traces`, { method: 'POST', agent, headers }, (response) => {
      response
        .on('error', reject)
        .on('end', () => resolve(response.statusCode ?? 0))
        .resume();
    })
      .on('error', reject)
      .end(sent);
  });

const isJsonRefused = (body: Buffer): boolean => {
  try {
    JSON.parse(body.toString());
    return false;
  } catch {
    return true;
  }
};

const sendChanged = async (place: number) => {
  const isJson = place % 8 === 0;
  const bodies = isJson ? errand.json : errand.protobuf;
  const body = mutate(Buffer.from(bodies[next(bodies.length)] ?? '', 'hex'), next);
  const isRefused = isJson ? isJsonRefused(body) : referenceRefuses(body);
  const status = await post({ body, isJson }, place % 16 === 1);
  found.answers[status] = (found.answers[status] ?? 0) + 1;
  if (isRefused) found.refused += 1;
  if (status !== 400 && (status !== 200 || isRefused)) {
    found.wrong.push(`${status} for ${isJson ? 'JSON' : 'protobuf'} ${body.toString('hex')}`);
  }
};

const large = Object.entries(largeBodies());
let place = 0;
const sender = async () => {
  while (place < errand.count) {
    place += 1;
    const turn = place / largeEvery;
    const [name, body] = (Number.isInteger(turn) ? large[turn % large.length] : undefined) ?? [];
    if (name && body) found.large[name] = await post(body, true);
    else await sendChanged(place);
  }
};
await Promise.all(Array.from({ length: inFlight }, sender));
agent.destroy();
parentPort?.postMessage(Found.parse(found));
