// A trace-ingest of its own over a database, and bots whose tokens it takes.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createPool, type Reads, readsOn } from '@molthub/event-store';
import { generateKey, sign } from '@molthub/ingest-token';
import type { Load } from './senders.ts';
import { startTraceProcess, type TraceArguments, type TraceProcess } from './trace-process.ts';

export type OpenTrace = {
  readonly reads: Reads;
  readonly load: Pick<Load, 'url' | 'tokens'>;
  readonly process: () => TraceProcess;
  /** SIGKILL, and on the same port again. */
  readonly restart: () => Promise<void>;
  readonly close: () => Promise<void>;
};

const bots = 8;

/** Resolves when spans are taken. */
export const openTrace = async (settings: TraceArguments): Promise<OpenTrace> => {
  let running = await startTraceProcess(settings);
  const { url, port } = running;
  const pool = createPool({
    url: settings.databaseUrl,
    schema: 'trace',
    name: 'chaos',
    connectionsMax: 2,
    onError: () => undefined,
  });
  const reads = readsOn(pool);
  const key = generateKey();
  await reads('insert into signing_keys (key_id, public_key, simulated_only) values ($1, $2, false)', [
    key.keyId,
    key.publicKey,
  ]);
  const claims = () => ({
    botId: randomUUID(),
    workspace: 'default',
    fleetId: randomUUID(),
    tokenId: randomUUID(),
    expiresAt: new Date(Date.now() + 6 * 3_600_000).toISOString(),
    simulated: false,
  });
  const tokens = await Promise.all(Array.from({ length: bots }, () => sign(claims(), key)));
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${tokens[0]}` };
  const isTaken = async () => (await fetch(`${url}/v1/traces`, { method: 'POST', headers, body: '{}' })).ok;
  for (let tries = 0; !(await isTaken()); tries += 1) {
    if (tries === 100) throw new Error('trace-ingest takes no token of a key that is in its table.');
    await delay(100);
  }
  return {
    reads,
    load: { url, tokens },
    process: () => running,
    restart: async () => {
      await running.kill();
      running = await startTraceProcess({ ...settings, port });
    },
    close: async () => {
      await running.kill();
      await pool.end();
    },
  };
};
