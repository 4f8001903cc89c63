// A commit brought to a small HTTP server on this machine that has one fleet and one bot.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clientOf } from './client.ts';
import { gitIn } from './git.ts';
import { ownerLabel } from './ownership.ts';
import { syncCommit } from './sync-commit.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sync-commit-'));
});
const open: { readonly close: () => void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

const id = '018f0000-0000-7000-8000-000000000001';
const manifestOf = (latencyMs: number) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'anna', fleet: 'support' },
  spec: {
    runtime: { engine: 'simulated' },
    target: { kind: 'simulated' },
    config: { simulation: { latencyMs } },
  },
});
const stored = (version: number, origin: string, latencyMs: number) => {
  const { metadata, ...rest } = manifestOf(latencyMs);
  return {
    version,
    origin,
    reason: 'r',
    manifest: { ...rest, metadata: { name: metadata.name, labels: { [ownerLabel]: 'me' } } },
  };
};
type Kept = { version: number; versions: ReturnType<typeof stored>[]; writes: number };
type Answer = readonly [status: number, body: object];

/** Answers as the gateway does, unless `instead` says otherwise. */
const serving = async (instead: (method: string, path: string, kept: Kept) => Answer | undefined) => {
  const kept: Kept = { version: 5, versions: [stored(1, 'create', 100)], writes: 0 };
  const bot = () => ({
    id,
    fleetId: id,
    fleetName: 'support',
    name: 'anna',
    labels: {},
    version: kept.version,
    status: 'RUNNING',
    health: 'UNKNOWN',
    manifestVersion: kept.versions[0]?.version,
    generation: 1,
    observedGeneration: 1,
    desiredHash: 'h',
    observedHash: 'h',
    target: { kind: 'simulated' },
  });
  const answerTo = (method: string, path: string, ifMatch: string | undefined): Answer => {
    const other = instead(method, path, kept);
    if (other !== undefined) return other;
    if (path === '/manifests/validate') return [200, { valid: true, errors: [] }];
    if (path.startsWith('/fleets'))
      return [200, { items: [{ id, name: 'support', environment: 'dev', status: 'ACTIVE' }] }];
    if (path.endsWith('/events')) return [200, { items: [] }];
    if (method === 'POST') {
      if (ifMatch !== undefined && ifMatch !== `"${kept.version}"`) return [412, { detail: 'It changed.' }];
      kept.writes += 1;
      return [201, { version: 2, hash: 'h', changeSetId: null }];
    }
    if (path.endsWith('/manifests')) return [200, { items: kept.versions }];
    if (path.includes('/manifests/')) return [200, kept.versions[0] ?? {}];
    if (path === `/bot-instances/${id}`) return [200, bot()];
    return [200, { items: [bot()] }];
  };
  const server = createServer((request, response) => {
    void (async () => {
      await text(request);
      const path = (request.url ?? '').replace('/api/v1', '').replace(/\?.*/, '');
      const [status, body] = answerTo(request.method ?? '', path, request.headers['if-match']);
      response.writeHead(status).end(JSON.stringify(body));
    })();
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = clientOf({ server: `http://127.0.0.1:${address.port}`, key: 'k', keySource: 'test' });
  return { kept, client };
};

const git = (...args: string[]) =>
  String(execFileSync('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args])).trim();
const synced = async (client: ReturnType<typeof clientOf>, ...documents: object[]) => {
  git('init', '-q', '-b', 'main');
  for (const [index, one] of documents.entries()) writeFileSync(join(folder, `${index}.yaml`), JSON.stringify(one));
  git('add', '-A');
  git('commit', '-qm', 'a change');
  const stop = new AbortController().signal;
  const options = { path: '', owner: 'me', prune: false, waitMs: 0, stop, tell: () => undefined };
  return syncCommit(client, gitIn(join(folder, '.git')), git('rev-parse', 'HEAD'), options);
};

test('a bot that is rolled back while the commit is applied is held, and not written over', async () => {
  const { client, kept } = await serving((method, path, { versions }) => {
    if (method === 'POST' && path.endsWith('/manifests') && versions.length === 1) {
      kept.versions = [stored(3, 'rollback', 100), stored(2, 'update', 50), stored(1, 'create', 100)];
      kept.version += 2;
    }
    return undefined;
  });
  const { outcome, counts } = await synced(client, manifestOf(50));
  expect({ outcome, held: counts.held, change: counts.change, writes: kept.writes }).toEqual({
    outcome: 'applied',
    held: 1,
    change: 0,
    writes: 0,
  });
});

test.each([401, 403, 404, 409])('a %i while only reading is tried again', async (status) => {
  const { client, kept } = await serving((_, path) =>
    path === '/manifests/validate' ? [status, { detail: 'No.' }] : undefined,
  );
  expect({ ...(await synced(client, manifestOf(50))), writes: kept.writes }).toMatchObject({
    outcome: 'failed',
    writes: 0,
  });
});

test.each([
  [401, 'failed'],
  [403, 'failed'],
  [404, 'failed'],
  [409, 'refused'],
  [422, 'refused'],
])('a write that is answered %i leaves the commit %s', async (status, outcome) => {
  const { client } = await serving((method, path) =>
    method === 'POST' && path.endsWith('/manifests') ? [status, { detail: 'No.' }] : undefined,
  );
  expect(await synced(client, manifestOf(50))).toMatchObject({ outcome });
});
