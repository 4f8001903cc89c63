// A bot's document against a small HTTP server on this machine that keeps one bot and its versions.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { applyPlan } from '../apply-plan.ts';
import { clientOf } from '../client.ts';
import { desiredOf } from '../desired.ts';
import { planFor } from '../read-plan.ts';
import { serverOf } from '../server-things.ts';
import { yamlDocuments } from '../yaml-documents.ts';

const open: { readonly close: () => void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

const id = '018f0000-0000-7000-8000-000000000001';
const manifestOf = (level: string) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: 'anna', fleet: 'support' },
  spec: {
    runtime: { engine: 'openclaw', version: '2026.9.6' },
    target: { kind: 'local' },
    config: { logging: { level } },
  },
});
const versionOf = (version: number, origin: string, level: string) => {
  const { metadata, ...rest } = manifestOf(level);
  return { version, origin, reason: 'r', manifest: { ...rest, metadata: { name: metadata.name } } };
};
type Version = ReturnType<typeof versionOf>;

const serving = async (versions: readonly Version[]) => {
  const kept = { version: 5, written: 0, versions };
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
    target: { kind: 'local' },
  });
  const server = createServer((request, response) => {
    void (async () => {
      await text(request);
      const path = (request.url ?? '').replace('/api/v1', '').replace(/\?.*/, '');
      const answer = (body: unknown, status = 200) => response.writeHead(status).end(JSON.stringify(body));
      if (path.startsWith('/fleets')) return answer({ items: [{ id, name: 'support' }] });
      if (path.endsWith('/events')) return answer({ items: [] });
      if (request.method === 'POST') {
        const wanted = request.headers['if-match'];
        if (wanted !== undefined && wanted !== `"${kept.version}"`) return answer({ detail: 'It changed.' }, 412);
        kept.written += 1;
        return answer({ version: 9, hash: 'h' }, 201);
      }
      if (path.endsWith('/manifests')) return answer({ items: kept.versions });
      if (path.includes('/manifests/')) return answer(kept.versions[0]);
      return answer(path.endsWith(id) ? bot() : { items: [bot()] });
    })();
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = clientOf({ server: `http://127.0.0.1:${address.port}`, key: 'k', keySource: 'test' });
  const desired = (level: string) => yamlDocuments('f.yaml', JSON.stringify(manifestOf(level))).map(desiredOf);
  return { client, kept, plan: (level: string) => planFor(client, desired(level)) };
};

const rolledBack = [versionOf(3, 'rollback', 'info'), versionOf(2, 'update', 'debug'), versionOf(1, 'create', 'info')];

test.each([
  ['at the top', rolledBack],
  ['below what came of a layer', [versionOf(5, 'layers', 'info'), versionOf(4, 'layers', 'info'), ...rolledBack]],
])('a rollback %s is held', async (_, versions) => {
  const { client, plan } = await serving(versions);
  const [step] = await plan('debug');
  if (step?.action !== 'change') throw new Error(`it is ${step?.action}`);
  const held = await step.kind.heldBy?.(serverOf(client), step.document, step.current);
  expect(held).toContain('version 2 was rolled back');
});

test('what a layer made is nothing that was rolled back', async () => {
  const versions = [versionOf(4, 'rollback', 'info'), versionOf(3, 'layers', 'debug'), ...rolledBack.slice(1)];
  const { client, plan } = await serving(versions);
  const [step] = await plan('debug');
  if (step?.action !== 'change') throw new Error(`it is ${step?.action}`);
  expect(await step.kind.heldBy?.(serverOf(client), step.document, step.current)).toContain('version 2 was');
});

test('a bot that changed since the plan is not overwritten', async () => {
  const { client, kept, plan } = await serving(rolledBack);
  const steps = await plan('debug');
  kept.version += 2;
  kept.versions = [versionOf(5, 'layers', 'warn'), versionOf(4, 'update', 'warn'), ...rolledBack];
  const { changed, refused } = await applyPlan(client, steps);
  expect(changed).toEqual([]);
  expect(refused).toMatchObject([{ status: 412, message: expect.stringMatching(/anna: .*changed.*apply again/) }]);
  expect(kept.written).toBe(0);
  expect((await applyPlan(client, await plan('debug'))).changed).toHaveLength(1);
});

test('a bot that only a layer moved since the plan is changed all the same', async () => {
  const { client, kept, plan } = await serving(rolledBack);
  const steps = await plan('debug');
  kept.version += 2;
  kept.versions = [versionOf(4, 'layers', 'info'), ...rolledBack];
  const { changed, refused } = await applyPlan(client, steps);
  expect({ changed: changed.length, refused, written: kept.written }).toEqual({ changed: 1, refused: [], written: 1 });
});
