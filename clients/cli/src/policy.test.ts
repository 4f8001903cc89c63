// `molthub policy` and packs in `apply -f`, as a process of its own against a small HTTP server on this machine.
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const example = fileURLToPath(new URL('../../../examples/house-rules.yaml', import.meta.url));
const open: { readonly close: () => void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

type Asked = { readonly method: string; readonly path: string; readonly body: unknown };
type Answers = (asked: Asked) => unknown;

/** A server that answers as the test says, and everything that it was asked. */
const serving = async (answers: Answers) => {
  const asked: Asked[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    void (async () => {
      const path = (request.url ?? '').replace('/api/v1', '');
      const sent = await text(request);
      const one = { method: request.method ?? '', path, body: sent === '' ? null : z.json().parse(JSON.parse(sent)) };
      asked.push(one);
      response.end(JSON.stringify(answers(one)));
    })();
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { asked, url: `http://127.0.0.1:${address.port}` };
};

const molthub = async (url: string, args: readonly string[], input = '') => {
  const env = { PATH: '/usr/bin:/bin', MOLTHUB_HOME: '/nonexistent', MOLTHUB_SERVER: url, MOLTHUB_KEY: 'k' };
  const child = spawn(process.execPath, [main, ...args], { env });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, stdout, stderr };
};

const violation = {
  packId: 'builtin-security-baseline',
  ruleId: 'gateway-auth',
  severity: 'ERROR',
  action: 'deny',
  path: 'spec.config.gateway.auth.mode',
  message: 'The gateway must ask for its token.',
  currentValue: 'none',
  suggestedValue: 'token',
};
const passed = {
  valid: true,
  violations: [],
  warnings: [],
  packs: [{ id: 'builtin-security-baseline', version: '1' }],
};
const page = (...items: unknown[]) => ({ items, nextCursor: null, total: items.length });

test('policy eval judges every bot in the environment of its fleet, and ends with 0 where all pass', async () => {
  const { asked, url } = await serving(() => passed);
  const { status, stdout } = await molthub(url, ['policy', 'eval', '-f', example]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('bot/support-rehearsal/owned') });
  expect(asked).toMatchObject([
    {
      method: 'POST',
      path: '/policy-packs/evaluate',
      body: { environment: 'dev', manifest: { metadata: { name: 'owned' } } },
    },
  ]);
});

test('policy eval ends with 1 where one is denied, and says every place', async () => {
  const { asked, url } = await serving(({ path }) =>
    path.startsWith('/policy-packs?')
      ? page({ id: 'builtin-x', name: 'x' })
      : { ...passed, valid: false, violations: [violation] },
  );
  const args = ['policy', 'eval', '-f', example, '--pack', 'x', '--environment', 'prod'];
  const { status, stdout, stderr } = await molthub(url, args);
  expect(status).toBe(1);
  expect(stdout).toContain('spec.config.gateway.auth.mode');
  expect(stderr).toContain('1 of 1 denied');
  expect(asked.at(-1)?.body).toMatchObject({ policyPackId: 'builtin-x', environment: 'prod' });
  expect((await molthub(url, ['policy', 'eval', '-f', example, '--environment', 'moon'])).status).toBe(2);
});

test('policy dry-run says who would break', async () => {
  const { asked, url } = await serving(({ method }) =>
    method === 'GET'
      ? { id: 'builtin-security-baseline', name: 'Security baseline' }
      : {
          packId: 'builtin-security-baseline',
          packVersion: '1.0.0',
          counts: { bots: 9, targeted: 8, denied: 1, warned: 0 },
          items: [
            {
              botInstanceId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e',
              name: 'anna',
              fleetId: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6f',
              environment: 'dev',
              manifestVersion: 3,
              counts: { violations: 1, warnings: 0 },
              violations: [violation],
              warnings: [],
            },
          ],
          isComplete: true,
        },
  );
  const { status, stdout } = await molthub(url, ['policy', 'dry-run', 'builtin-security-baseline']);
  expect(status).toBe(0);
  expect(stdout).toContain('8 of 9 bots are judged by it: 1 would be denied, 0 warned');
  expect(asked.at(-1)).toMatchObject({ method: 'POST', path: '/policy-packs/builtin-security-baseline/dry-run' });
});

const document = (spec: string) =>
  `apiVersion: molthub/v1\nkind: PolicyPack\nmetadata: { name: ours }\nspec: ${spec}\n`;
const rule = '{ id: a, type: required_field, config: { field: metadata.labels.team } }';
const id = '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e';
const kept = {
  id,
  name: 'ours',
  isBuiltin: false,
  priority: 100,
  rules: [
    {
      id: 'a',
      type: 'required_field',
      severity: 'ERROR',
      description: '',
      config: { field: 'metadata.labels.team' },
      allowOverride: false,
      enabled: true,
      targetEnvironments: [],
      actions: {},
    },
  ],
};
const writes = (asked: readonly Asked[]) => asked.filter(({ method }) => method !== 'GET');

test('apply creates a pack, changes what a document says and leaves the rest, and is idempotent', async () => {
  const apply = ['apply', '-f', '-'];
  const none = await serving(({ method }) => (method === 'GET' ? page() : kept));
  expect((await molthub(none.url, apply, document(`{ rules: [${rule}] }`))).stdout).toContain('+ policy-pack/ours');
  expect(writes(none.asked)).toMatchObject([{ method: 'POST', path: '/policy-packs', body: { name: 'ours' } }]);
  const there = await serving(({ method }) => (method === 'GET' ? page(kept) : kept));
  expect((await molthub(there.url, apply, document(`{ rules: [${rule}] }`))).stdout).toContain('= policy-pack/ours');
  expect(writes(there.asked)).toEqual([]);
  await molthub(there.url, apply, document(`{ priority: 300, rules: [${rule}] }`));
  expect(writes(there.asked)).toMatchObject([
    { method: 'PATCH', path: `/policy-packs/${id}`, body: { priority: 300 } },
  ]);
});

test('apply does not touch a pack that comes with Molthub', async () => {
  const { asked, url } = await serving(() => page({ ...kept, isBuiltin: true }));
  const { status, stderr } = await molthub(url, ['apply', '-f', '-'], document(`{ rules: [${rule}] }`));
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('comes with Molthub') });
  expect(writes(asked)).toEqual([]);
});

const waiverDocument = (more = '') => `apiVersion: molthub/v1
kind: Waiver
metadata: { name: fault hunt }
spec:
  pack: ours
  rule: a
  fleet: support
  owner: Ada
  reason: we look for a fault
  expiresAt: '2026-12-31T00:00:00Z'
${more}`;
const fleetId = '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d70';
const waiver = {
  id: '5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d71',
  name: 'fault hunt',
  status: 'ACTIVE',
  packId: id,
  ruleId: 'a',
  scope: { fleetId },
  owner: 'Ada',
  reason: 'we look for a fault',
  expiresAt: '2026-12-31T00:00:00.000Z',
};
const withWaivers =
  (...waivers: unknown[]): Answers =>
  ({ method, path }) => {
    if (method !== 'GET') return waiver;
    if (path.startsWith('/policy/waivers?')) return page(...waivers);
    const thing = path.startsWith('/fleets') ? { id: fleetId, name: 'support' } : kept;
    return path.includes('?') ? page(thing) : thing;
  };

test('apply makes a waiver by the names in its document, once, and replaces one that is another', async () => {
  const apply = ['apply', '-f', '-'];
  const none = await serving(withWaivers());
  expect((await molthub(none.url, apply, waiverDocument())).stdout).toContain('+ waiver/fault hunt');
  const { id: _, status: __, ...body } = waiver;
  expect(writes(none.asked)).toEqual([{ method: 'POST', path: '/policy/waivers', body }]);
  for (const there of [waiver, { ...waiver, status: 'EXPIRED' }]) {
    const same = await serving(withWaivers(there));
    expect((await molthub(same.url, apply, waiverDocument())).stdout).toContain('= waiver/fault hunt');
    expect(writes(same.asked)).toEqual([]);
  }
  const other = await serving(withWaivers({ ...waiver, owner: 'Bob' }));
  expect((await molthub(other.url, apply, waiverDocument())).stdout).toContain('~ waiver/fault hunt');
  expect(writes(other.asked)).toMatchObject([
    { method: 'POST', path: '/policy/waivers', body: { replaces: waiver.id } },
  ]);
});

test('a waiver is for one bot, one fleet or some labels; get lists waivers, delete ends the one of a name', async () => {
  const { asked, url } = await serving(withWaivers(waiver));
  const two = await molthub(url, ['apply', '-f', '-'], waiverDocument('  selector: { team: a }\n'));
  expect({ status: two.status, stderr: two.stderr }).toEqual({
    status: 1,
    stderr: expect.stringContaining('write one of bot, fleet and selector'),
  });
  expect((await molthub(url, ['get', 'waivers'])).stdout).toContain('fault hunt');
  expect((await molthub(url, ['delete', 'waiver', 'fault hunt'])).status).toBe(0);
  expect(asked.at(-2)?.path).toContain('status=ACTIVE');
  expect(writes(asked)).toMatchObject([{ method: 'DELETE', path: `/policy/waivers/${waiver.id}` }]);
});

test('policy conflicts lists both rules and ends with 1 where there are any', async () => {
  const rules = ['a', 'b'].map((name) => ({ packId: id, packName: name, ruleId: 'r', type: 't', actions: {} }));
  const found = { kind: 'contradiction', path: 'spec.runtime.cpu', message: 'No bot can have both.', rules };
  const some = await serving(() => ({ items: [found], isComplete: true }));
  const { status, stdout } = await molthub(some.url, ['policy', 'conflicts']);
  expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringMatching(/a\/r +b\/r +spec\.runtime\.cpu/) });
  const none = await serving(() => ({ items: [], isComplete: true }));
  expect(await molthub(none.url, ['policy', 'conflicts'])).toMatchObject({ status: 0, stdout: 'no conflicts\n' });
});

test('policy fix proposes what a pack suggests and shows the patch; a dry run changes nothing', async () => {
  const bot = { id: fleetId, fleetId, name: 'anna', status: 'RUNNING', health: 'UNKNOWN', manifestVersion: 1 };
  const rest = { generation: 1, observedGeneration: 1, desiredHash: '', observedHash: '', target: { kind: 'local' } };
  const { asked, url } = await serving(({ method, path, body }) => {
    if (method === 'GET') return page(path.startsWith('/bot-instances') ? { ...bot, ...rest } : kept);
    const isDry = z.object({ dryRun: z.boolean() }).parse(body).dryRun;
    return {
      patch: { spec: { config: { gateway: { bind: 'loopback' } } } },
      fixed: [violation],
      remaining: [{ ...violation, path: 'spec.left' }],
      published: isDry ? null : { version: 2, hash: 'x', changeSetId: null },
    };
  });
  const dry = await molthub(url, ['policy', 'fix', 'ours', 'anna', '--dry-run']);
  expect(dry).toMatchObject({ status: 0, stdout: expect.stringMatching(/bind: loopback[^]*left: .*spec\.left/) });
  expect(dry.stderr).toContain('dry run: nothing was changed; 1 finding fixed, 1 left');
  expect((await molthub(url, ['policy', 'fix', 'ours', 'anna'])).stderr).toContain('version 2');
  expect(writes(asked)).toMatchObject([
    { path: `/policy-packs/${id}/fix`, body: { botInstanceId: fleetId, dryRun: true } },
    { path: `/policy-packs/${id}/fix`, body: { botInstanceId: fleetId, dryRun: false } },
  ]);
});
