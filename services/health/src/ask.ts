// Asks bots how they are: a real one over its gateway's WebSocket, simulated ones many at a time at their simulator.
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { HealthStatus } from '@molthub/contracts';
import { probe } from '@molthub/openclaw';
import { z } from 'zod';
import type { Reading } from './judge.ts';
import type { Target } from './targets.ts';

/** How long a bot has to answer. One that takes longer is as good as gone. */
export const timeoutMs = 5_000;

const unknown = (detail: string): Reading => ({ status: 'UNKNOWN', latencyMs: null, detail });

/** A reading with what the bot says that it is; null where it does not say. */
export type Introduced = Reading & { readonly version: string | null; readonly protocol: number | null };

/** One reading of a real bot; never throws. `home` is where token references start. */
export const askBot = async (home: string, { url, tokenReference }: Target): Promise<Introduced> => {
  if (url === null) return { ...unknown('It has no address yet.'), ...silent };
  try {
    const token = tokenReference === null ? '' : await readToken(home, tokenReference);
    const { status, latencyMs, detail, version = null, protocol = null } = await probe({ url, token, timeoutMs });
    return { status, latencyMs, detail: detail.slice(0, 500), version: version?.slice(0, 100) ?? null, protocol };
  } catch (error) {
    return { ...unknown(`Molthub could not ask it: ${messageOf(error)}`), ...silent };
  }
};

const silent = { version: null, protocol: null } as const;

const readToken = async (home: string, reference: string): Promise<string> => {
  const inside = relative(home, join(home, reference));
  if (inside.startsWith('..') || isAbsolute(inside)) throw new Error('its token reference leads out of the home.');
  try {
    return (await readFile(join(home, inside), 'utf8')).trim();
  } catch (error) {
    throw new Error(`its token at ${reference} cannot be read.`, { cause: error });
  }
};

const Answers = z.array(
  z.object({ id: z.uuid(), status: HealthStatus, latencyMs: z.number().nullable(), detail: z.string().max(500) }),
);

/** Readings of simulated bots of one simulator, by bot id; never throws. A simulator that is gone says nothing. */
export const askSimulator = async (
  origin: string,
  botIds: readonly string[],
): Promise<ReadonlyMap<string, Reading>> => {
  try {
    const response = await fetch(`${origin}/probe`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: botIds }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw new Error(`the simulator answered ${response.status}.`);
    const answers = Answers.parse(await response.json());
    const known = new Map<string, Reading>(answers.map(({ id, ...reading }) => [id, reading]));
    return new Map(botIds.map((id) => [id, known.get(id) ?? unknown('The simulator did not mention it.')]));
  } catch (error) {
    const reading = unknown(`Molthub could not ask the simulator: ${messageOf(error)}`);
    return new Map(botIds.map((id) => [id, reading]));
  }
};

/** One reading of any bot, at once; never throws. */
export const askOne = async (home: string, target: Target): Promise<Introduced> => {
  const { botId, url, simulated } = target;
  if (!simulated) return askBot(home, target);
  if (url === null || !URL.canParse(url)) return { ...unknown('It has no address yet.'), ...silent };
  const readings = await askSimulator(new URL(url).origin, [botId]);
  return { ...(readings.get(botId) ?? unknown('The simulator did not mention it.')), ...silent };
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 400);
