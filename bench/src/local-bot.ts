// A real OpenClaw on this machine: from its creation to convergence, and from an edit by hand to the event that says so.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { waitReady } from '@molthub/openclaw';
import { z } from 'zod';
import { expectStatus, makeBot, makeFleet, until } from './fleet.ts';
import { type Figure, measured, type Report } from './measured.ts';
import { type Molthub, withMolthub } from './molthub.ts';

const version = '2026.9.6';
const bots = 3;
const edits = 5;
const startMsMax = 180_000;
/** A first start of this version is slow beyond measure now and then; the install before it takes half a minute. */
const installMsMax = 400_000;

export const localBot: Figure = {
  name: 'local-bot',
  about: 'real OpenClaw: create → converged (floor: its own readiness + 5 s), edit by hand → drift event (floor: 5 s)',
  measure: (report) =>
    withMolthub(async (molthub) => {
      const fleetId = await makeFleet(molthub, 'real');
      await remove(molthub, await firstBot(molthub, fleetId));
      const [total, own, more]: [number[], number[], number[]] = [[], [], []];
      for (let run = 0; run < bots; run += 1) {
        const bot = await createdUntilConverged(molthub, fleetId, `bot-${run}`);
        total.push(bot.convergedS);
        own.push(bot.ownReadinessS);
        more.push(bot.convergedS - bot.ownReadinessS);
        if (run === bots - 1) await drift(molthub, bot.id, report);
        await remove(molthub, bot.id);
      }
      const context = { version, createToConvergedS: total, ownReadinessS: own, load: loadavg()[0] };
      report(measured('real OpenClaw bot, create → converged', 's', total, context));
      report(measured('real OpenClaw bot, create → converged beyond its own readiness', 's', more, context));
    }),
};

const manifest = (name: string) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name },
  spec: { runtime: { engine: 'openclaw', version }, target: { kind: 'local' }, config: { logging: { level: 'info' } } },
});

const Bot = z.object({
  id: z.uuid(),
  status: z.string(),
  generation: z.int(),
  observedGeneration: z.int(),
});

const untilConverged = (molthub: Molthub, id: string, timeoutMs: number) =>
  until(`Bot ${id} converged`, timeoutMs, 50, async () => {
    const bot = Bot.parse(expectStatus(await molthub.call('GET', `/bot-instances/${id}`), 200, 'the bot').body);
    return bot.status === 'RUNNING' && bot.observedGeneration === bot.generation ? performance.now() : undefined;
  });

/** Installs the runtime, which is not what is measured; its command may stay pending for that. */
const firstBot = async (molthub: Molthub, fleetId: string): Promise<string> => {
  const Items = z.object({ items: z.array(Bot) });
  await molthub.call('POST', '/bot-instances', { fleetId, manifest: manifest('first') });
  const id = await until('The first bot', installMsMax, 500, async () => {
    const answer = await molthub.call('GET', '/bot-instances?name=first');
    return Items.parse(expectStatus(answer, 200, 'GET /bot-instances').body).items[0]?.id;
  });
  await untilConverged(molthub, id, installMsMax);
  return id;
};

const Identity = z.object({ port: z.int(), startedAt: z.iso.datetime() });

const createdUntilConverged = async (molthub: Molthub, fleetId: string, name: string) => {
  const began = performance.now();
  const id = await makeBot(molthub, fleetId, manifest(name));
  const [convergedAt, ownReadinessS] = await Promise.all([
    untilConverged(molthub, id, startMsMax),
    ownReadiness(molthub, id),
  ]);
  return { id, convergedS: (convergedAt - began) / 1_000, ownReadinessS };
};

/** From the start of its process until it says by itself that it is ready. */
const ownReadiness = async (molthub: Molthub, id: string): Promise<number> => {
  const { port, startedAt } = await until(`A process of bot ${id}`, startMsMax, 20, async () => {
    const text = await readFile(join(molthub.home, 'bots', id, 'identity.json'), 'utf8').catch(() => 'null');
    return Identity.safeParse(JSON.parse(text)).data;
  });
  const ready = await waitReady({ port, timeoutMs: startMsMax });
  if (ready.state !== 'ready') throw new Error(`The bot did not get ready: ${ready.state}`);
  return (Date.now() - Date.parse(startedAt)) / 1_000;
};

const Timeline = z.object({ items: z.array(z.object({ sequence: z.int(), type: z.string() })) });
const timelineOf = async (molthub: Molthub, id: string) =>
  Timeline.parse(expectStatus(await molthub.call('GET', `/bot-instances/${id}/events?limit=500`), 200, 'events').body)
    .items;

const untilEvent = (molthub: Molthub, id: string, type: string, after: number) =>
  until(`${type} of bot ${id}`, 120_000, 10, async () =>
    (await timelineOf(molthub, id)).some((item) => item.sequence > after && item.type === type)
      ? performance.now()
      : undefined,
  );

const drift = async (molthub: Molthub, id: string, report: Report): Promise<void> => {
  const file = join(molthub.home, 'bots', id, 'openclaw.json');
  const [detectedMs, healedMs]: [number[], number[]] = [[], []];
  for (let run = 0; run < edits; run += 1) {
    const last = (await timelineOf(molthub, id)).at(-1)?.sequence ?? 0;
    const config = z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(file, 'utf8')));
    const began = performance.now();
    await writeFile(file, JSON.stringify({ ...config, logging: { level: run % 2 === 0 ? 'debug' : 'warn' } }, null, 2));
    detectedMs.push((await untilEvent(molthub, id, 'reconciler.drift.detected.v1', last)) - began);
    healedMs.push((await untilEvent(molthub, id, 'reconciler.drift.healed.v1', last)) - began);
  }
  const context = { version, load: loadavg()[0] };
  report(measured('drift, edit at a local target → event', 'ms', detectedMs, context));
  report(measured('drift, edit at a local target → healed', 'ms', healedMs, context));
};

const remove = async (molthub: Molthub, id: string): Promise<void> => {
  expectStatus(await molthub.call('DELETE', `/bot-instances/${id}`), 204, 'DELETE');
  // Answered when the wish is taken; the process ends and its folder goes afterwards.
  await until(`Bot ${id} gone`, 60_000, 200, async () =>
    (await readdir(join(molthub.home, 'bots'))).some((name) => name.startsWith(id)) ? undefined : true,
  );
};
