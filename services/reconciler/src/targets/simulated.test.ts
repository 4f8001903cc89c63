import { createServer } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from '@molthub/testing';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { desiredBot, describeTarget, reach, simulatedManifest } from '../target.conformance.ts';
import { createSimulatedTarget, type SimulatedTarget } from './simulated.ts';
import { configureBot, createBot, nextDue, startBot, takeDue } from './simulated-bot.ts';
import { createSpanExporter, type SpanExporter } from './simulated-spans.ts';

const opened: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
const open = async (more: Partial<Parameters<typeof createSimulatedTarget>[0]> = {}): Promise<SimulatedTarget> => {
  const target = await createSimulatedTarget({ port: 0, spans: null, ...more });
  opened.push(target);
  return target;
};

let conforming: SimulatedTarget | undefined;
const bot = () => conforming?.bots.get(desiredBot().botId);
describeTarget('simulated', {
  open: async () => (conforming = await createSimulatedTarget({ port: 0, spans: null })),
  manifests: [simulatedManifest(), simulatedManifest({ latencyMs: 5 })],
  crash: async () => {
    const found = bot();
    if (found) found.process = { is: 'down', asAsked: false, detail: 'crashed' };
  },
  drift: async () => {
    const found = bot();
    if (found) found.selfEdits += 1;
  },
  eventually: (condition, what) => until(condition, { what }),
});

test('a bot drifts and crashes when its manifest says so, and says so at once', async () => {
  const target = await open();
  const changed: string[] = [];
  target.watch((botId) => changed.push(botId));
  const drifting = desiredBot(simulatedManifest({ driftEveryS: 0.02 }));
  await reach(target, drifting);
  await until(() => changed.length > 0, { what: 'a drift' });
  expect(await target.observe(drifting)).toMatchObject({ differences: [{ class: 'config', owner: 'bot' }] });
  const crashing = desiredBot(simulatedManifest({ crashEveryS: 0.02 }), '0198c0de-0000-7000-8000-00000000b072');
  await reach(target, crashing);
  await until(async () => (await target.observe(crashing)).is === 'stopped', { what: 'a crash' });
});

test.each(['driftEveryS', 'crashEveryS'])('a stored %s that is next to nothing is waited for all the same', (field) => {
  const stored = desiredBot(simulatedManifest({ [field]: 1e-8 }));
  const found = createBot(stored);
  configureBot(found, stored, now);
  startBot(found, 0, now);
  for (let time = nextDue(found), before = now, round = 0; round < 100; round += 1) {
    expect(time).toBeGreaterThanOrEqual(before + 5);
    expect(takeDue(found, time)).toHaveLength(1);
    [before, time] = [time, nextDue(found)];
  }
});
const now = 1_800_000_000_000;

test('bots that are asked more than the process can answer leave it its turn', async () => {
  const turns: number[] = [];
  let answered = 0;
  const spans: SpanExporter = {
    answered: () => {
      if (answered === 0) setImmediate(() => (turns.push(answered), (answered = 0)));
      answered += 1;
      if (answered > 5_000) throw new Error('It never ends.');
    },
    flush: async () => {},
    counts: () => ({ sent: 0, dropped: 0, waiting: 0 }),
    close: async () => {},
  };
  // Each glance at the clock costs a millisecond, so that nothing is ever done in time.
  let clock = now;
  const target = await open({ spans, now: () => (clock += 1) });
  const busy = simulatedManifest({ requestsPerMinute: 6_000 });
  const ids = Array.from({ length: 500 }, (_, i) => `0198c0de-0000-7000-8000-${i.toString(16).padStart(12, '0')}`);
  await target.adopt(ids.map((id) => desiredBot(busy, id)));
  await until(() => turns.length >= 3, { what: 'some turns' });
  expect(Math.max(...turns)).toBeLessThanOrEqual(200);
});

test('a bot whose stored manifest cannot be read keeps no other from being adopted', async () => {
  const target = await open();
  const unreadable = desiredBot(simulatedManifest({ errorRate: 2 }), '0198c0de-0000-7000-8000-00000000b072');
  await target.adopt([unreadable, desiredBot()]);
  expect([...target.bots.keys()]).toEqual([desiredBot().botId]);
  const refusal = { code: 'reconciler.simulation-invalid' };
  await expect(target.configure(unreadable, () => {})).rejects.toMatchObject(refusal);
  expect(await target.observe(unreadable)).toEqual({ is: 'absent' });
});

test('a bot that cannot apply refuses for good', async () => {
  const target = await open();
  const failing = desiredBot(simulatedManifest({ failApply: true }));
  await expect(target.configure(failing, () => {})).rejects.toMatchObject({ code: 'reconciler.apply-refused' });
});

test('a real engine is never simulated', async () => {
  const target = await open();
  const { spec, ...rest } = simulatedManifest();
  const real = { ...rest, spec: { ...spec, runtime: { engine: 'openclaw' as const, version: '2026.9.6' } } };
  const refusal = { code: 'reconciler.engine-refused' };
  await expect(target.configure(desiredBot(real), () => {})).rejects.toMatchObject(refusal);
});

test('ten thousand idle bots cost less than 20 KB each and no timer', async () => {
  const target = await open();
  setFlagsFromString('--expose-gc');
  const collect = z.function().parse(runInNewContext('gc'));
  collect();
  const before = process.memoryUsage().heapUsed;
  const bots = Array.from({ length: 10_000 }, (_, i) => {
    const id = `0198c0de-0000-7000-8000-${i.toString(16).padStart(12, '0')}`;
    return structuredClone(desiredBot(simulatedManifest(), id));
  });
  await target.adopt(bots);
  collect();
  expect((process.memoryUsage().heapUsed - before) / 10_000).toBeLessThan(20 * 1024);
  expect(process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length).toBeLessThan(20);
});

const Reading = z.object({ id: z.string(), status: z.string(), latencyMs: z.number().nullable(), detail: z.string() });

test('answers probes for one bot and for many over its shared server', async () => {
  const target = await open();
  const well = desiredBot();
  const ill = desiredBot(simulatedManifest({ healthy: false }), '0198c0de-0000-7000-8000-00000000b072');
  const down = { ...desiredBot(simulatedManifest(), '0198c0de-0000-7000-8000-00000000b073'), run: 'STOPPED' as const };
  const unknown = '0198c0de-0000-7000-8000-00000000b074';
  await target.adopt([well, ill, down]);
  const base = `http://127.0.0.1:${target.port}`;
  expect((await fetch(`${base}/bots/${well.botId}/healthz`)).status).toBe(200);
  expect((await fetch(`${base}/bots/${ill.botId}/healthz`)).status).toBe(503);
  expect((await fetch(`${base}/bots/${unknown}/healthz`)).status).toBe(404);
  const config = await (await fetch(`${base}/bots/${well.botId}/config`)).json();
  expect(config).toEqual({ config: well.resolved.spec.config, hash: well.hash, simulated: true });
  const ids = [well.botId, ill.botId, down.botId, unknown];
  const answer = await fetch(`${base}/probe`, { method: 'POST', body: JSON.stringify({ ids }) });
  const readings = z.array(Reading).parse(await answer.json());
  expect(readings.map((reading) => reading.status)).toEqual(['HEALTHY', 'UNHEALTHY', 'UNHEALTHY', 'UNKNOWN']);
  expect((await fetch(`${base}/probe`, { method: 'POST', body: '{"ids":["x"]}' })).status).toBe(400);
});

test('keeps the address of its bots where the port is free, and takes another where it is not', async () => {
  const first = await open();
  const second = await open({ port: first.port });
  expect(second.port).not.toBe(first.port);
  await first.close();
  const again = await open({ port: first.port });
  expect(again.port).toBe(first.port);
});

const Otlp = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(z.json()) }),
      scopeSpans: z.array(
        z.object({ spans: z.array(z.looseObject({ spanId: z.string(), parentSpanId: z.string().optional() })) }),
      ),
    }),
  ),
});

test("sends each request as a span tree with that bot's own token, again when the ingest was down", async () => {
  const got: { token: string | undefined; body: z.infer<typeof Otlp> }[] = [];
  let answers = 503;
  const ingest = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (answers === 200) {
        const body = Otlp.parse(JSON.parse(Buffer.concat(chunks).toString()));
        got.push({ token: request.headers.authorization, body });
      }
      response.writeHead(answers).end('{}');
    });
  });
  await new Promise<void>((resolve) => ingest.listen(0, '127.0.0.1', resolve));
  const address = ingest.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const failures: unknown[] = [];
  const spans = createSpanExporter({
    otlpUrl: `http://127.0.0.1:${port}`,
    tokenOf: async (of) => `token-of-${of.name}`,
    flushEveryMs: 20,
    failed: (error) => failures.push(error),
  });
  const target = await createSimulatedTarget({ port: 0, spans });
  await target.adopt([desiredBot(simulatedManifest({ requestsPerMinute: 3_000, errorRate: 1 }))]);
  await until(() => failures.length > 0, { what: 'a refused batch' });
  answers = 200;
  await until(async () => (await spans.flush(), got.length > 0), { what: 'spans' });
  await target.close();
  ingest.closeAllConnections();
  await new Promise((resolve) => ingest.close(resolve));
  const [post] = got;
  expect(post?.token).toBe('Bearer token-of-conform');
  const resource = post?.body.resourceSpans[0];
  expect(resource?.resource.attributes).toContainEqual({ key: 'molthub.simulated', value: { boolValue: true } });
  const [request, model, tool] = resource?.scopeSpans[0]?.spans ?? [];
  expect([model?.parentSpanId, tool?.parentSpanId]).toEqual([request?.spanId, model?.spanId]);
  expect(request).toMatchObject({ status: { code: 2 } });
});
