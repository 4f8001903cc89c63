// Bots as tests make them and wait for them.
import { until } from '@molthub/testing';
import type { Molthub } from './molthub.ts';
import { Bot, Fleet, Timeline } from './shapes.ts';

export const makeFleet = async (molthub: Molthub, name: string, more: Record<string, unknown> = {}) => {
  const answer = await molthub.call('POST', '/fleets', { name, environment: 'dev', ...more });
  if (answer.status !== 201) throw new Error(`POST /fleets answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return Fleet.parse(answer.body);
};

export const openclawManifest = (name: string, version: string, config: Record<string, unknown>) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name },
  spec: { runtime: { engine: 'openclaw', version }, target: { kind: 'local' }, config },
});

export const simulatedManifest = (name: string, simulation: Record<string, unknown> = {}) => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name },
  spec: { runtime: { engine: 'simulated' }, target: { kind: 'simulated' }, config: { simulation } },
});

/** Creates a bot and waits out a `202`: installing a runtime for its schema may take a minute. */
export const makeBot = async (molthub: Molthub, fleetId: string, manifest: unknown): Promise<Bot> => {
  const answer = await molthub.call(
    'POST',
    '/bot-instances',
    { fleetId, manifest },
    { headers: { prefer: 'wait=60' } },
  );
  if (answer.status === 201) return Bot.parse(answer.body);
  if (answer.status !== 202)
    throw new Error(`POST /bot-instances answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  const location = answer.headers.get('location')?.replace('/api/v1', '') ?? '';
  const id = await until(
    async () => {
      const operation = await molthub.call('GET', location);
      const body: unknown = operation.body;
      if (typeof body !== 'object' || body === null || !('status' in body) || body.status === 'PENDING')
        return undefined;
      if (body.status !== 'DONE' || !('resourceId' in body)) throw new Error(JSON.stringify(body));
      return String(body.resourceId);
    },
    { what: 'the bot to be accepted', timeoutMs: 240_000, everyMs: 250 },
  );
  return getBot(molthub, id);
};

export const getBot = async (molthub: Molthub, id: string): Promise<Bot> => {
  const answer = await molthub.call('GET', `/bot-instances/${id}`);
  if (answer.status !== 200) throw new Error(`GET /bot-instances/${id} answered ${answer.status}`);
  return Bot.parse(answer.body);
};

export const untilBot = (
  molthub: Molthub,
  id: string,
  what: string,
  condition: (bot: Bot) => boolean,
  timeoutMs = 120_000,
): Promise<Bot> =>
  until(
    async () => {
      const bot = await getBot(molthub, id);
      return condition(bot) ? bot : undefined;
    },
    { what: `bot ${id} to be ${what}`, timeoutMs, everyMs: 100 },
  );

/** RUNNING, and what the target reports is what was released. */
export const isConverged = (bot: Bot): boolean =>
  bot.status === 'RUNNING' && bot.observedGeneration === bot.generation && bot.observedHash === bot.desiredHash;

export const timelineOf = async (molthub: Molthub, id: string) => {
  const answer = await molthub.call('GET', `/bot-instances/${id}/events?limit=500`);
  return Timeline.parse(answer.body).items;
};

/** The first line of a type after a sequence. Where it does not come, the error tells what came instead. */
export const untilTimeline = async (molthub: Molthub, id: string, type: string, after: number, timeoutMs: number) => {
  try {
    return await until(
      async () => (await timelineOf(molthub, id)).find((item) => item.sequence > after && item.type === type),
      { what: `${type} in the timeline`, timeoutMs, everyMs: 50 },
    );
  } catch (cause) {
    const since = (await timelineOf(molthub, id)).filter((item) => item.sequence > after).slice(-12);
    const lines = since.map(({ time, type: came, data }) => `${time} ${came} ${JSON.stringify(data).slice(0, 600)}`);
    throw new Error(`There was no ${type}; since then came:\n${lines.join('\n')}`, { cause });
  }
};

/** Until a process is no more. One that outlived its parent stays as a shell until the machine's init has noticed. */
export const untilGone = (pid: number, timeoutMs = 60_000) =>
  until(
    () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'ESRCH';
      }
    },
    { what: `process ${pid} to end`, timeoutMs },
  );
