// Bots that are built from layers, through the gateway: simulated ones, and a real OpenClaw.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connectGateway, getConfig } from '@molthub/openclaw';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  getBot,
  isConverged,
  makeBot,
  makeFleet,
  openclawManifest,
  simulatedManifest,
  untilBot,
  untilGone,
} from './src/bots.ts';
import { environment } from './src/env.ts';
import { layersOf } from './src/layers.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { Page, Problem } from './src/shapes.ts';

let molthub: Molthub;
beforeAll(async () => {
  molthub = await prepareMolthub();
  await molthub.start();
}, 180_000);
afterAll(() => molthub.remove(), 120_000);
const { make, patch, running, resolvedOf } = layersOf(() => molthub);

const Explained = z.object({
  leaves: z.array(
    z.object({
      path: z.string(),
      value: z.unknown(),
      layer: z.string(),
      layerName: z.string().nullable(),
      version: z.int(),
      author: z.object({ kind: z.string() }),
    }),
  ),
});

describe('a bot of a template, a profile and two overlays', () => {
  const spec = (config: Record<string, unknown>) => ({ spec: { config: { simulation: config } } });
  test('runs exactly what they make together, and every value tells where it is from', async () => {
    const fleet = await makeFleet(molthub, 'built');
    const template = await make('templates', {
      name: 'rehearsed',
      engine: 'simulated',
      configurableFields: [
        { path: 'spec.config.simulation.tokensPerRequest', label: 'Tokens', type: 'number', required: true },
        { path: 'spec.config.simulation.applyMs', label: 'Apply', type: 'number', default: 3 },
      ],
      manifest: { metadata: { labels: { built: 'yes' } }, ...spec({ latencyMs: 1, errorRate: 0 }) },
    });
    await make('profiles', { name: 'built', fleetIds: [fleet.id], defaults: spec({ latencyMs: 2, startMs: 7 }) });
    const target = { fleetId: fleet.id };
    await make('overlays', { name: 'built-low', target, priority: 1, patch: spec({ latencyMs: 3, startMs: null }) });
    const high = await make('overlays', { name: 'built-high', target, priority: 2, patch: spec({ latencyMs: 4 }) });

    const values = { 'spec.config.simulation.tokensPerRequest': 99 };
    const preview = await molthub.call('POST', `/templates/${template.id}/preview`, { fleetId: fleet.id, values });
    expect(preview.body, JSON.stringify(preview.body)).toMatchObject({ valid: true, errors: [] });
    const simulated = simulatedManifest('built');
    const manifest = {
      ...simulated,
      spec: { ...simulated.spec, template: { name: 'rehearsed', values }, config: { simulation: { healthy: true } } },
    };
    const bot = await running(fleet.id, manifest);
    const made = { latencyMs: 4, errorRate: 0, applyMs: 3, tokensPerRequest: 99, healthy: true };
    expect(await resolvedOf(bot.id)).toMatchObject({ config: { simulation: made } });
    expect(await resolvedOf(bot.id)).not.toHaveProperty('template');
    expect(bot.observedHash).toBe(bot.desiredHash);

    const explained = async (path: string) => {
      const answer = await molthub.call('GET', `/bot-instances/${bot.id}/explain?path=${path}`);
      return Explained.parse(answer.body).leaves.map(
        ({ path: at, value, layer, layerName, version }) =>
          `${at.split('.').at(-1)}=${JSON.stringify(value)} ${layer} ${layerName} ${version}`,
      );
    };
    expect(await explained('spec.config.simulation')).toEqual([
      'applyMs=3 template rehearsed 1',
      'errorRate=0 template rehearsed 1',
      'healthy=true instance null 1',
      'latencyMs=4 overlay built-high 1',
      'tokensPerRequest=99 instance null 1',
    ]);
    expect(await explained('spec.policies.forbidPublicAdmin')).toEqual([
      'forbidPublicAdmin=true secure-defaults null 1',
    ]);
    const provenance = await molthub.call('GET', `/bot-instances/${bot.id}/resolved?provenance=true`);
    const Leaves = z.object({
      provenance: z.array(z.object({ layer: z.string(), author: z.object({ id: z.string() }) })),
    });
    expect(Leaves.parse(provenance.body).provenance.length).toBeGreaterThan(10);

    const targets = await molthub.call('GET', `/overlays/${high.id}/targets`);
    expect(targets.body).toMatchObject({
      isActive: true,
      counts: { targeted: 1, chosen: 1, reached: 1, changed: 1 },
      items: [{ botInstanceId: bot.id, isReached: true, isChanged: true }],
    });
    expect((await molthub.call('DELETE', `/templates/${template.id}`)).status).toBe(409);
    expect((await patch('templates', template.id, { manifest: spec({ latencyMs: 1, errorRate: 0.5 }) })).status).toBe(
      200,
    );
    const after = await untilBot(molthub, bot.id, 'moved', (now) => now.generation === 2 && isConverged(now));
    expect(after.manifestVersion).toBe(2);
    expect(await explained('spec.config.simulation.errorRate')).toEqual(['errorRate=0.5 template rehearsed 2']);
    expect(await explained('spec.config.simulation.healthy')).toEqual(['healthy=true instance null 1']);

    // The way back is to exactly what it ran, whatever the layers are by now.
    const back = await molthub.call('POST', `/bot-instances/${bot.id}/rollback`, { reason: 'fewer errors' });
    expect(back.status, JSON.stringify(back.body)).toBe(201);
    const restored = await untilBot(molthub, bot.id, 'back', (now) => now.generation === 3 && isConverged(now));
    expect(restored.observedHash).toBe(bot.observedHash);
    expect(await explained('spec.config.simulation.errorRate')).toEqual(['errorRate=0 template rehearsed 1']);
  }, 180_000);

  test('is refused with everything that is wrong with it, and what comes with Molthub stays as it is', async () => {
    const fleet = await makeFleet(molthub, 'ill-built');
    const build = async (template: unknown) => {
      const simulated = simulatedManifest('ill');
      const manifest = { ...simulated, spec: { ...simulated.spec, template } };
      const answer = await molthub.call('POST', '/bot-instances', { fleetId: fleet.id, manifest });
      const { code, errors } = Problem.parse(answer.body);
      return [answer.status, code, ...errors.map((error) => `${error.code} ${error.path}`)];
    };
    const invalid = [400, 'config.manifest-invalid'];
    expect(await build({ name: 'nowhere' })).toEqual([...invalid, 'config.template-not-found spec.template.name']);
    expect(await build({ name: 'builtin-minimal-bot' })).toEqual([
      ...invalid,
      'config.template-engine spec.template.name',
    ]);
    expect(await build({ name: 'rehearsed', values: { 'spec.config.x': 1 } })).toEqual([
      ...invalid,
      'config.template-value spec.template.values["spec.config.x"]',
      'config.template-value spec.template.values["spec.config.simulation.tokensPerRequest"]',
    ]);
    const page = Page.parse((await molthub.call('GET', '/templates?limit=3')).body);
    expect(page.items.map((item) => item['isBuiltin'])).toEqual([true, true, true]);
    for (const method of ['PATCH', 'DELETE']) {
      const answer = await molthub.call(
        method,
        '/templates/builtin-minimal-bot',
        method === 'PATCH' ? { engine: null } : undefined,
      );
      expect(Problem.parse(answer.body).code).toBe('config.template-builtin');
    }
  }, 60_000);
});

test('the example is applied by the command line, and applied again it changes nothing', async () => {
  const cli = join(import.meta.dirname, '../clients/cli/src/main.ts');
  const example = join(import.meta.dirname, '../examples/layers.yaml');
  const apply = async () => {
    const env = { PATH: environment['PATH'] ?? '', MOLTHUB_HOME: molthub.home };
    const child = spawn(process.execPath, [cli, 'apply', '-f', example], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return {
      stdout,
      stderr,
      status: z
        .tuple([z.int()])
        .rest(z.unknown())
        .parse(await ended)[0],
    };
  };
  const first = await apply();
  expect(first.status, first.stderr).toBe(0);
  expect(first.stdout).toContain('7 to create');
  const again = await apply();
  expect(again.stdout).toContain('0 to create, 0 to change, 7 unchanged');
  const bots = Page.parse((await molthub.call('GET', '/bot-instances?name=first')).body).items;
  const { config } = await resolvedOf(String(bots[0]?.['id']));
  expect(config).toMatchObject({ simulation: { latencyMs: 120, startMs: 100, tokensPerRequest: 400 } });
}, 120_000);

test('a real OpenClaw runs what a template, a profile and two overlays make, as it says itself; editing the profile moves it', async () => {
  const fleet = await makeFleet(molthub, 'real');
  const other = await makeFleet(molthub, 'not-real');
  const neighbour = await running(other.id, simulatedManifest('neighbour'));
  const config = (said: Record<string, unknown>) => ({ spec: { config: said } });
  const target = { fleetId: fleet.id };
  await make('templates', {
    name: 'real-bot',
    engine: 'openclaw',
    configurableFields: [
      { path: 'spec.config.logging.level', label: 'Log level', type: 'string', default: 'debug' },
      { path: 'spec.config.messages.ackReaction', label: 'Sign', type: 'string', required: true },
    ],
    manifest: config({ tools: { deny: ['browser'] } }),
  });
  const profile = await make('profiles', {
    name: 'real-defaults',
    fleetIds: [fleet.id],
    defaults: config({ session: { dmScope: 'per-channel-peer' }, logging: { level: 'warn' } }),
  });
  await make('overlays', {
    name: 'real-low',
    target,
    priority: 1,
    patch: config({ messages: { responsePrefix: 'low' } }),
  });
  await make('overlays', {
    name: 'real-high',
    target,
    priority: 2,
    patch: config({ messages: { responsePrefix: 'high' } }),
  });
  const manifest = openclawManifest('real', '2026.9.6', {});
  const template = { name: 'real-bot', values: { 'spec.config.messages.ackReaction': '👀' } };
  const made = await makeBot(molthub, fleet.id, { ...manifest, spec: { ...manifest.spec, template } });
  const bot = await untilBot(molthub, made.id, 'converged', isConverged, 300_000);

  const said = async () => {
    const { target: place } = await getBot(molthub, bot.id);
    const token = (await readFile(join(molthub.home, 'bots', bot.id, 'gateway.token'), 'utf8')).trim();
    const client = await connectGateway({ url: place.endpoint?.url ?? '', token, timeoutMs: 30_000 });
    try {
      return (await getConfig(client)).parsed;
    } finally {
      client.close();
    }
  };
  expect(await said()).toMatchObject({
    tools: { deny: ['browser'] },
    session: { dmScope: 'per-channel-peer' },
    logging: { level: 'warn' },
    messages: { responsePrefix: 'high', ackReaction: '👀' },
  });
  const edited = await patch('profiles', profile.id, {
    defaults: config({ session: { dmScope: 'per-peer' }, logging: { level: 'error' } }),
  });
  expect(edited.status, JSON.stringify(edited.body)).toBe(200);
  const after = await untilBot(molthub, bot.id, 'moved', (now) => now.generation === 2 && isConverged(now), 300_000);
  expect(after.observedHash).not.toBe(bot.observedHash);
  expect(await said()).toMatchObject({ session: { dmScope: 'per-peer' }, logging: { level: 'error' } });
  expect(await getBot(molthub, neighbour.id)).toMatchObject({ manifestVersion: 1, generation: 1 });

  // Its schema is known by now, so that the templates that come with Molthub can be judged, by policy too.
  const Preview = z.object({ errors: z.array(z.unknown()) });
  const ask = { engineVersion: '2026.9.6', values: { 'spec.config.agents.defaults.model.primary': 'a/b' } };
  const builtins = Page.parse((await molthub.call('GET', '/templates?isBuiltin=true')).body).items;
  expect(builtins).toHaveLength(9);
  for (const { id } of builtins) {
    const answer = await molthub.call('POST', `/templates/${String(id)}/preview`, ask);
    expect(Preview.parse(answer.body).errors, String(id)).toEqual([]);
  }
  expect((await molthub.call('DELETE', `/bot-instances/${bot.id}`)).status).toBeLessThan(300);
  await untilGone(after.target.endpoint?.pid ?? 0);
}, 900_000);
