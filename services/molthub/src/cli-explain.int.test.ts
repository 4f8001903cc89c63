// What the command line shows of what others made: why a value is there, what a template would make, names for ids.
import { withNats, withPostgres } from '@molthub/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ApiUnderTest, openApi } from './api-under-test.ts';
import { type Molthub, molthubOf } from './cli-under-test.ts';

const postgres = withPostgres();
const nats = withNats();
let api: ApiUnderTest;
let molthub: Molthub;
beforeAll(async () => {
  api = await openApi({ postgres, nats });
  molthub = molthubOf(api.url, api.adminKey);
  const applied = await molthub(['apply', '-f', '-'], documents.join('---\n'));
  expect(applied.status, applied.stderr).toBe(0);
});
afterAll(() => api.close());

const head = (kind: string, metadata: string) => `apiVersion: molthub/v1\nkind: ${kind}\nmetadata: { ${metadata} }\n`;
const waiver = (name: string, target: string) =>
  `${head('Waiver', `name: ${name}`)}spec:\n  pack: shown-rules\n  rule: team\n  ${target}\n  owner: Ada\n` +
  `  reason: a test\n  expiresAt: ${new Date(Date.now() + 86_400_000).toISOString()}\n`;
const documents = [
  `${head('PolicyPack', 'name: shown-rules')}spec:\n  targetTags: { shown: yes }\n` +
    `  rules: [{ id: team, severity: WARNING, type: required_field, config: { field: metadata.labels.team } }]\n`,
  `${head('Fleet', 'name: shown')}spec: { environment: dev }\n`,
  `${head('Template', 'name: shown-template')}spec:\n  engine: simulated\n` +
    `  configurableFields:\n    - { path: spec.config.simulation.latencyMs, label: Latency, type: number, required: true }\n` +
    `  manifest: { spec: { config: { simulation: { errorRate: 0 } } } }\n`,
  `${head('Profile', 'name: shown-profile')}spec:\n  fleets: [shown]\n` +
    `  defaults: { spec: { config: { simulation: { startMs: 7 } }, skills: { mode: ALLOWLIST, allowlist: [weather, mail] }, policies: { overrides: [{ packId: builtin-security-baseline, ruleId: none, reason: a test }] } } }\n`,
  `${head('Overlay', 'name: shown-overlay')}spec: { target: { fleet: shown }, enabled: false, patch: { spec: { config: { simulation: { startMs: 9 } } } } }\n`,
  `${head('MoltbotInstance', 'name: anna, fleet: shown, labels: { shown: yes }')}spec:\n` +
    `  template: { name: shown-template, values: { spec.config.simulation.latencyMs: 5 } }\n` +
    `  runtime: { engine: simulated }\n  target: { kind: simulated }\n`,
  waiver('for-anna', 'bot: shown/anna'),
  waiver('for-fleet', 'fleet: shown'),
  waiver('for-labels', 'selector: { shown: yes, trial: no }'),
];
const idOf = async (name: string) => {
  const { body } = await api.call('GET', `/api/v1/bot-instances?name=${name}`);
  return z.array(z.object({ id: z.uuid() })).parse(body['items'])[0]?.id ?? '';
};

describe('explain', () => {
  test('tells of each value which layer says it, and of one where one is asked for', async () => {
    const { status, stdout, stderr } = await molthub(['explain', 'shown/anna', 'spec.config.simulation']);
    expect(status, stderr).toBe(0);
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 4));
    expect(rows).toContainEqual(['spec.config.simulation.errorRate', '0', 'template', 'shown-template']);
    expect(rows).toContainEqual(['spec.config.simulation.startMs', '7', 'profile', 'shown-profile']);
    expect(rows).toContainEqual(['spec.config.simulation.latencyMs', '5', 'instance', '–']);
    expect(stdout).not.toContain('forbidPublicAdmin');
    expect((await molthub(['explain', 'anna'])).stdout).toMatch(
      /spec\.policies\.forbidPublicAdmin +true +secure-defaults/,
    );
    const json = await molthub(['explain', 'anna', 'spec.config.simulation.startMs', '--at', '1', '-o', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ version: 1, leaves: [{ value: 7, layerName: 'shown-profile' }] });
  });

  test('finds an item of a list that is one value, and an item by its keys', async () => {
    const item = await molthub(['explain', 'anna', 'spec.skills.allowlist[1]', '-o', 'json']);
    expect(item.status, item.stderr).toBe(0);
    expect(JSON.parse(item.stdout)).toMatchObject({ leaves: [{ layerName: 'shown-profile' }] });
    const byKeys = await molthub(['explain', 'anna', 'spec.policies.overrides[ruleId=none].reason']);
    expect(byKeys.status, byKeys.stderr).toBe(0);
    expect(byKeys.stdout).toMatch(/spec\.policies\.overrides +\[.*\] +profile +shown-profile/);
  });

  test('a path that is not there is 404, and what is no path is 400; both name it', async () => {
    const asked = async (path: string) =>
      api.call('GET', `/api/v1/bot-instances/${await idOf('anna')}/explain?path=${encodeURIComponent(path)}`);
    expect(await asked('spec.config.simulation.latency')).toMatchObject({
      status: 404,
      body: { code: 'config.path-not-found', detail: expect.stringContaining('spec.config.simulation.latency') },
    });
    expect(await asked('spec.skills.allowlist[2]')).toMatchObject({ status: 404 });
    expect(await asked('spec..config')).toMatchObject({
      status: 400,
      body: { code: 'config.path-invalid', detail: expect.stringContaining('spec..config') },
    });
    expect(await asked('spec.*.simulation')).toMatchObject({ status: 400 });
    expect(await molthub(['explain', 'anna', 'spec.nothing'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('spec.nothing'),
    });
    expect(await molthub(['explain', 'nobody'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('nobody'),
    });
  });
});

describe('preview', () => {
  test('shows what a bot of a template would run in a fleet, and records nothing', async () => {
    const latency = 'spec.config.simulation.latencyMs=12';
    const fleet = ['--fleet', 'shown', '--label', 'shown=yes'];
    const { status, stdout, stderr } = await molthub(['preview', 'shown-template', '--set', latency, ...fleet]);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/simulation:\n(?: {6}\w+: .*\n)* {6}latencyMs: 12\n/);
    expect(stdout).toContain('startMs: 7');
    expect(stderr).toContain('shown-rules/team');
    const elsewhere = await molthub([
      'preview',
      'shown-template',
      '--set',
      latency,
      '--environment',
      'prod',
      '-o',
      'json',
    ]);
    const answer = JSON.parse(elsewhere.stdout);
    expect(answer).toMatchObject({ valid: true, resolved: { metadata: { environment: 'prod' } } });
    expect(answer.resolved.spec.config.simulation).not.toHaveProperty('startMs');
    expect(await idOf('preview')).toBe('');
  });

  test('tells everything that is wrong with it, and ends with 1', async () => {
    expect(await molthub(['preview', 'shown-template'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('spec.config.simulation.latencyMs'),
    });
    const misfit = await molthub([
      'preview',
      'shown-template',
      '--set',
      'spec.config.simulation.latencyMs=fast',
      '-o',
      'json',
    ]);
    expect(misfit.status).toBe(1);
    expect(JSON.parse(misfit.stdout)).toMatchObject({ valid: false });
    expect((await molthub(['preview', 'shown-template', '--set', 'no-value'])).status).toBe(2);
    expect(await molthub(['preview', 'nothing'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('nothing'),
    });
  });
});

describe('tables', () => {
  const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-/;
  test('have the names of packs, fleets and bots where the API has ids', async () => {
    const { stdout } = await molthub(['get', 'waivers']);
    expect(stdout).toMatch(/for-anna +ACTIVE +shown-rules +team +bot shown\/anna /);
    expect(stdout).toMatch(/for-fleet +ACTIVE +shown-rules +team +fleet shown /);
    expect(stdout).toMatch(/for-labels +ACTIVE +shown-rules +team +labels shown=yes, trial=no /);
    const violations = await molthub(['get', 'violations']);
    expect(violations.stdout).toMatch(/anna +\w+ +shown-rules +team /);
    expect(violations.stdout).not.toMatch(uuid);
    expect((await molthub(['get', 'overlays'])).stdout).toMatch(/shown-overlay .* fleet shown /);
    const judged = await molthub(['policy', 'eval', '-f', '-'], documents[5]);
    expect(judged.stdout).toContain('shown-rules/team');
    expect(judged.stdout).not.toMatch(uuid);
  });

  test('other formats have what the API says', async () => {
    const { stdout } = await molthub(['get', 'waivers', 'for-fleet', '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      packId: expect.stringMatching(uuid),
      scope: { fleetId: expect.stringMatching(uuid) },
    });
  });

  test('what is gone stays an id', async () => {
    expect(
      (
        await molthub(
          ['apply', '-f', '-'],
          `${head('Fleet', 'name: left')}spec: { environment: dev }\n---\n${waiver('for-left', 'fleet: left')}`,
        )
      ).status,
    ).toBe(0);
    expect((await molthub(['delete', 'fleet', 'left'])).status).toBe(0);
    expect((await molthub(['get', 'waivers'])).stdout).toMatch(
      /for-left +ACTIVE +shown-rules +team +fleet [0-9a-f]{8}-/,
    );
  });
});
