// The main job on real input: OpenClaw bots, created over the API, converged, changed, drifting and healed, traced.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@molthub/testing';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { capturedTurns, sendCaptured, treeOf } from './src/captured.ts';
import {
  getBot,
  isConverged,
  makeBot,
  makeFleet,
  openclawManifest,
  timelineOf,
  untilBot,
  untilGone,
  untilTimeline,
} from './src/bots.ts';
import { type Molthub, prepareMolthub } from './src/molthub.ts';
import { type Bot, Fleet, Published } from './src/shapes.ts';

let molthub: Molthub;
let fleet: Awaited<ReturnType<typeof makeFleet>>;
let bot: Bot;
beforeAll(async () => {
  molthub = await prepareMolthub({ MOLTHUB_PROBE_INTERVAL_MS: '5000' });
  await molthub.start();
  fleet = Fleet.parse(await makeFleet(molthub, 'support'));
}, 180_000);
afterAll(async () => {
  if (bot) await molthub.call('DELETE', `/bot-instances/${bot.id}`);
  await molthub.stop();
  await molthub.remove();
}, 120_000);

const propose = async (config: Record<string, unknown>, reason: string) => {
  const manifest = openclawManifest('anna', '2026.9.6', config);
  const answer = await molthub.call('POST', `/bot-instances/${bot.id}/manifests`, { manifest, reason });
  expect(answer.status).toBe(201);
  return Published.parse(answer.body);
};
const Token = z.object({ token: z.string(), expiresAt: z.iso.datetime() });
const Traces = z.object({ items: z.array(z.object({ traceId: z.string(), name: z.string() })) });
const Audit = z.object({ items: z.array(z.object({ action: z.string(), actor: z.object({ kind: z.string() }) })) });
const ingestToken = async () => {
  const answer = await molthub.call('POST', `/bot-instances/${bot.id}/ingest-token`, {});
  expect(answer.status).toBe(201);
  return Token.parse(answer.body);
};
const pidOf = (of: Bot) => of.target.endpoint?.pid ?? 0;
const lastSequence = async () => (await timelineOf(molthub, bot.id)).at(-1)?.sequence ?? 0;
const configPath = () => join(molthub.home, 'bots', bot.id, 'openclaw.json');
const converged = (version: number) =>
  untilBot(molthub, bot.id, `converged on version ${version}`, (b) => b.manifestVersion === version && isConverged(b));

test('a real bot is created over the API, starts, converges and is healthy', async () => {
  bot = await makeBot(molthub, fleet.id, openclawManifest('anna', '2026.9.6', { logging: { level: 'info' } }));
  bot = await untilBot(molthub, bot.id, 'healthy', (b) => isConverged(b) && b.health === 'HEALTHY', 300_000);
  expect(bot.target.endpoint?.url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+$/);
  const sequences = (await timelineOf(molthub, bot.id)).map((item) => item.sequence);
  expect(sequences).toEqual(sequences.map((_, index) => index + 1));
}, 600_000);

const Doctor = z.object({ checks: z.array(z.object({ check: z.string(), status: z.string(), message: z.string() })) });
test('the doctor asks the bot itself, and finds it as it was released', async () => {
  const answer = await molthub.call('POST', `/bot-instances/${bot.id}/doctor`);
  const { checks } = Doctor.parse(answer.body);
  const version = checks.find(({ check }) => check === 'version');
  expect(version).toMatchObject({ status: 'PASS', message: 'It is version 2026.9.6.' });
  // No trace was sent yet.
  expect(checks.filter(({ status }) => status !== 'PASS').map(({ check }) => check)).toEqual(['traces']);
});

test('a new log level is applied to the same process', async () => {
  const published = await propose({ logging: { level: 'debug' } }, 'more logs');
  const after = await converged(published.version);
  expect(pidOf(after)).toBe(pidOf(bot));
  bot = after;
});

test('a rollback restores the earlier version as a new one', async () => {
  const answer = await molthub.call('POST', `/bot-instances/${bot.id}/rollback`, { reason: 'too many logs' });
  expect(answer.status).toBe(201);
  bot = await converged(3);
  const manifest = await molthub.call('GET', `/bot-instances/${bot.id}/manifests/3`);
  expect(manifest.body).toMatchObject({ manifest: { spec: { config: { logging: { level: 'info' } } } } });
});

test('a hand edit of the configuration file is reported within 5 s and healed', async () => {
  const before = await lastSequence();
  const config: unknown = JSON.parse(await readFile(configPath(), 'utf8'));
  const edited = { ...(typeof config === 'object' ? config : {}), logging: { level: 'trace' } };
  await writeFile(configPath(), JSON.stringify(edited));
  await untilTimeline(molthub, bot.id, 'reconciler.drift.detected.v1', before, 5_000);
  await untilTimeline(molthub, bot.id, 'reconciler.drift.healed.v1', before, 60_000);
  expect(await readFile(configPath(), 'utf8')).toContain('"info"');
});

test('a broken configuration file is reported within 5 s and healed', async () => {
  const before = await lastSequence();
  await writeFile(configPath(), '{ this is not');
  await untilTimeline(molthub, bot.id, 'reconciler.drift.detected.v1', before, 5_000);
  await untilTimeline(molthub, bot.id, 'reconciler.drift.healed.v1', before, 120_000);
  expect(JSON.parse(await readFile(configPath(), 'utf8'))).toMatchObject({ logging: { level: 'info' } });
});

test('a killed process is reported within 5 s and started again', async () => {
  bot = await getBot(molthub, bot.id);
  const before = await lastSequence();
  process.kill(pidOf(bot), 'SIGKILL');
  await untilTimeline(molthub, bot.id, 'reconciler.drift.detected.v1', before, 5_000);
  await untilTimeline(molthub, bot.id, 'reconciler.drift.healed.v1', before, 120_000);
  const after = await untilBot(molthub, bot.id, 'healthy', (b) => isConverged(b) && b.health === 'HEALTHY');
  expect(pidOf(after)).not.toBe(pidOf(bot));
  bot = after;
});

test('a hung process is found within two probes and started again', async () => {
  const before = await lastSequence();
  process.kill(pidOf(bot), 'SIGSTOP');
  await untilTimeline(molthub, bot.id, 'reconciler.drift.detected.v1', before, 25_000);
  await untilTimeline(molthub, bot.id, 'reconciler.drift.healed.v1', before, 120_000);
  bot = await untilBot(molthub, bot.id, 'healthy', (b) => isConverged(b) && b.health === 'HEALTHY');
});

test('a healthy bot is not touched by a kill -9 of Molthub, and is adopted', async () => {
  await molthub.kill();
  process.kill(pidOf(bot), 0);
  await molthub.start();
  const after = await untilBot(molthub, bot.id, 'healthy', (b) => isConverged(b) && b.health === 'HEALTHY');
  expect(pidOf(after)).toBe(pidOf(bot));
});

test('captured spans of OpenClaw sent with its ingest token are its traces, and sent twice are stored once', async () => {
  const { token } = await ingestToken();
  const { otlp } = await molthub.endpoints();
  for (const round of ['first', 'again']) {
    for (const turn of capturedTurns) expect(await sendCaptured(otlp, token, turn), `${turn}, ${round}`).toEqual([]);
  }
  const runs = await until(
    async () => {
      const answer = await molthub.call('GET', `/traces?botInstanceId=${bot.id}&limit=100`);
      const items = Traces.parse(answer.body).items.filter((trace) => trace.name === 'openclaw.run');
      return items.length === capturedTurns.length ? items : undefined;
    },
    { what: 'a trace of each turn' },
  );
  const trees = await Promise.all(runs.map((run) => treeOf(molthub, run.traceId)));
  const runaway = trees.find((tree) => tree && tree.modelCalls > 100);
  expect(runaway).toMatchObject({
    botInstanceId: bot.id,
    roots: 1,
    root: 'openclaw.run',
    modelCalls: 184,
    toolCalls: 183,
  });
  const oneTool = trees.find((tree) => tree?.toolCalls === 1);
  expect(oneTool).toMatchObject({ root: 'openclaw.run', modelCalls: 2 });
});

test.each([
  ['JSON', JsonExporter, undefined],
  ['JSON with gzip', JsonExporter, 'gzip'],
  ['protobuf', ProtobufExporter, undefined],
  ['protobuf with gzip', ProtobufExporter, 'gzip'],
] as const)('spans of the OpenTelemetry SDK are accepted as %s', async (_name, Exporter, compression) => {
  const { token } = await ingestToken();
  const { otlp } = await molthub.endpoints();
  const exporter = new Exporter({
    url: `${otlp}/v1/traces`,
    headers: { authorization: `Bearer ${token}` },
    ...(compression ? { compression: CompressionAlgorithm.GZIP } : {}),
  });
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  const span = provider.getTracer('e2e').startSpan('asked');
  span.setAttribute('gen_ai.operation.name', 'chat');
  span.end();
  await provider.forceFlush();
  const { traceId } = span.spanContext();
  const tree = await until(async () => treeOf(molthub, traceId), { what: 'the trace' });
  expect(tree).toMatchObject({ botInstanceId: bot.id, root: 'asked', modelCalls: 1 });
  await provider.shutdown();
});

test('the audit tells who did what to the bot', async () => {
  const entries = await until(
    async () => {
      const answer = await molthub.call('GET', '/audit?limit=500');
      const { items } = Audit.parse(answer.body);
      const actions = new Set(items.map((item) => item.action));
      return actions.has('config.bot.created.v1') && actions.has('reconciler.drift.healed.v1') ? items : undefined;
    },
    { what: 'the entries of what was done' },
  );
  const published = entries.filter((entry) => entry.action === 'config.manifest.published.v1');
  expect(published.length).toBeGreaterThanOrEqual(3);
  for (const entry of published) expect(entry.actor.kind).toBe('api-key');
});

test('a change that needs a restart restarts it', async () => {
  const published = await propose(
    { logging: { level: 'info' }, gateway: { controlUi: { basePath: '/ui' } } },
    'another path',
  );
  bot = await converged(published.version);
  const timeline = await timelineOf(molthub, bot.id);
  const last = timeline.filter((item) => item.type === 'reconciler.bot.converged.v1').at(-1);
  expect(last?.data).toMatchObject({ applied: 'restarted' });
});

test('stop stops the process and start brings it back', async () => {
  const pid = pidOf(bot);
  expect((await molthub.call('POST', `/bot-instances/${bot.id}/stop`, {})).status).toBeLessThan(300);
  await untilBot(molthub, bot.id, 'stopped', (b) => b.status === 'STOPPED');
  await untilGone(pid, 5_000);
  expect((await molthub.call('POST', `/bot-instances/${bot.id}/start`, {})).status).toBeLessThan(300);
  bot = await untilBot(molthub, bot.id, 'running again', isConverged);
});

test('a deleted bot leaves no process and no state', async () => {
  const pid = pidOf(bot);
  expect((await molthub.call('DELETE', `/bot-instances/${bot.id}`)).status).toBeLessThan(300);
  await untilGone(pid);
  expect((await molthub.call('GET', `/bot-instances/${bot.id}`)).status).toBe(404);
});

test('a bot of a protocol-3 version converges, is probed, changed and stopped', async () => {
  const old = await makeBot(molthub, fleet.id, openclawManifest('olga', '2026.4.29', { logging: { level: 'info' } }));
  // DEGRADED is fair to expect: 2026.4.29 selects a memory plugin that cannot load after an install without scripts.
  const isProbed = (b: Bot) => isConverged(b) && (b.health === 'HEALTHY' || b.health === 'DEGRADED');
  const running = await untilBot(molthub, old.id, 'converged and probed', isProbed, 300_000);
  const manifest = openclawManifest('olga', '2026.4.29', { logging: { level: 'debug' } });
  const answer = await molthub.call('POST', `/bot-instances/${old.id}/manifests`, { manifest, reason: 'more logs' });
  expect(answer.status).toBe(201);
  await untilBot(molthub, old.id, 'converged on version 2', (b) => b.manifestVersion === 2 && isConverged(b));
  await molthub.call('POST', `/bot-instances/${old.id}/stop`, {});
  await untilBot(molthub, old.id, 'stopped', (b) => b.status === 'STOPPED');
  await untilGone(pidOf(running), 5_000);
  await molthub.call('DELETE', `/bot-instances/${old.id}`);
}, 600_000);
