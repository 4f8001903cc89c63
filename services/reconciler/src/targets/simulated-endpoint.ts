// Where all simulated bots of a process answer: one loopback server, one path per bot.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { observedConfig, observedHash, type SimulatedBot } from './simulated-bot.ts';

export type SimulatedEndpoint = { readonly port: number; readonly close: () => Promise<void> };

const ProbeRequest = z.strictObject({ ids: z.array(z.uuid()).max(10_000) });
const bodyBytesMax = 1024 * 1024;

/** Listens on `port`, or on any free one where that is taken; the bots' addresses stay as long as the port does. */
export const openSimulatedEndpoint = async (
  bots: ReadonlyMap<string, SimulatedBot>,
  port: number,
): Promise<SimulatedEndpoint> => {
  const server = createServer((request, response) => {
    answer(bots, request).then(
      ({ status, body }) => send(response, status, body),
      // Only a caller that breaks off in the middle of its own request gets here.
      (error: unknown) => send(response, 400, { error: error instanceof Error ? error.message : 'bad request' }),
    );
  });
  const bound = await listen(server, port);
  return {
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** How a bot answers a probe. */
export const readingOf = (bot: SimulatedBot | undefined) => {
  if (!bot) return { status: 'UNKNOWN' as const, latencyMs: null, detail: 'no such simulated bot' };
  if (bot.process.is === 'down') {
    return { status: 'UNHEALTHY' as const, latencyMs: null, detail: `simulated: ${bot.process.detail}` };
  }
  return bot.simulation.healthy
    ? { status: 'HEALTHY' as const, latencyMs: 0, detail: 'simulated: answers' }
    : { status: 'UNHEALTHY' as const, latencyMs: 0, detail: 'simulated: healthy is false' };
};

type Answer = { readonly status: number; readonly body: unknown };

const answer = async (bots: ReadonlyMap<string, SimulatedBot>, request: IncomingMessage): Promise<Answer> => {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  if (request.method === 'POST' && path === '/probe') return probeAll(bots, await read(request));
  const [, folder, id, what] = path.split('/');
  const bot = folder === 'bots' && id !== undefined ? bots.get(id) : undefined;
  if (request.method !== 'GET' || !bot) return { status: 404, body: { error: 'no such simulated bot' } };
  if (what === 'config') {
    return { status: 200, body: { config: observedConfig(bot), hash: observedHash(bot), simulated: true } };
  }
  if (what !== 'healthz') return { status: 404, body: { error: 'ask healthz or config' } };
  const reading = readingOf(bot);
  return { status: reading.status === 'HEALTHY' ? 200 : 503, body: { ...reading, simulated: true } };
};

const probeAll = (bots: ReadonlyMap<string, SimulatedBot>, text: string): Answer => {
  const asked = ProbeRequest.safeParse(parseJson(text));
  if (!asked.success) return { status: 400, body: { error: 'send {"ids": [<bot id>, …]} with at most 10,000 ids' } };
  return { status: 200, body: asked.data.ids.map((id) => ({ id, ...readingOf(bots.get(id)) })) };
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const read = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new Error(`at most ${bodyBytesMax} bytes are read`);
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString('utf8');
};

const send = (response: ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const attempt = (wanted: number) => {
      server.once('error', (error) => {
        const isTaken = 'code' in error && error.code === 'EADDRINUSE';
        if (isTaken && wanted !== 0) attempt(0);
        else reject(error);
      });
      server.listen(wanted, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') reject(new Error('The server has no port.'));
        else resolve(address.port);
      });
    };
    attempt(port);
  });
