// The simulator of this installation: its address and its key outlive a restart, so that its bots do too.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { platformWorkspace, PublishSimulatorKey } from '@molthub/contracts';
import { generateKey, sign, type SigningKey } from '@molthub/ingest-token';
import type { Runtime } from '@molthub/service';
import { z } from 'zod';
import type { SimulatedBot } from '../targets/simulated-bot.ts';
import { createSimulatedTarget, type SimulatedTarget } from '../targets/simulated.ts';
import { createSpanExporter, tokenIdOf } from '../targets/simulated-spans.ts';

const Memory = z.object({
  port: z.int().min(0).max(65_535),
  key: z.object({
    keyId: z.string(),
    privateKey: z.record(z.string(), z.string()),
    publicKey: z.record(z.string(), z.string()),
  }),
});
type Memory = z.infer<typeof Memory>;

const dayMs = 86_400_000;
const complainEveryMs = 60_000;

/** Opens the simulated target below `home`; with an `otlpUrl` its bots send spans there, signed for by its own key. */
export const openSimulator = async (
  settings: { readonly home: string; readonly otlpUrl: string | null; readonly signal: AbortSignal },
  runtime: Runtime,
): Promise<SimulatedTarget> => {
  const file = join(settings.home, 'simulator.json');
  const memory = (await remembered(file)) ?? { port: 0, key: generateKey() };
  const { otlpUrl } = settings;
  if (otlpUrl !== null) {
    const { keyId, publicKey } = memory.key;
    await runtime.execute(PublishSimulatorKey, { keyId, publicKey }, { workspace: platformWorkspace });
  }
  let complainedAt = 0;
  const spans =
    otlpUrl === null
      ? null
      : createSpanExporter({
          otlpUrl,
          tokenOf: createTokens(memory.key),
          failed: (error) => {
            if (Date.now() - complainedAt < complainEveryMs) return;
            complainedAt = Date.now();
            runtime.logger.warn({ err: error }, 'spans of simulated bots are not taken; trying again');
          },
        });
  const target = await createSimulatedTarget({ port: memory.port, spans, signal: settings.signal });
  if (target.port !== memory.port) await remember(file, { ...memory, port: target.port });
  return target;
};

/** One token per bot and day, good for two, so that none runs out between two uses. */
const createTokens = (key: SigningKey) => {
  const tokens = new Map<string, { day: number; token: Promise<string> }>();
  return (bot: SimulatedBot): Promise<string> => {
    const day = Math.floor(Date.now() / dayMs);
    const known = tokens.get(bot.botId);
    if (known?.day === day) return known.token;
    const { botId, workspace, fleetId } = bot;
    const expiresAt = new Date((day + 2) * dayMs).toISOString();
    const token = sign(
      { botId, workspace, fleetId, tokenId: tokenIdOf(botId, String(day)), expiresAt, simulated: true },
      key,
    );
    tokens.set(bot.botId, { day, token });
    return token;
  };
};

const remembered = async (file: string): Promise<Memory | null> => {
  try {
    return Memory.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new Error(`${file} cannot be read; remove it to give the simulator a new key.`, { cause: error });
  }
};

const remember = async (file: string, memory: Memory): Promise<void> => {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, JSON.stringify(memory), { mode: 0o600 });
  await rename(temporary, file);
};
