// Who is asked next: every watched bot with its standing and the moment it is due. Pure but for being a map.
import { createHash } from 'node:crypto';
import type { HealthStatus } from '@molthub/contracts';
import { judge, type Judgement, type Patience, type Reading, type Standing } from './judge.ts';
import type { Target } from './targets.ts';

export type Watched = { readonly target: Target; readonly standing: Standing; readonly dueMs: number };

/** What was last told of a bot, as the log has it. */
export type Told = { readonly status: HealthStatus; readonly hash: string | null };

export type Watch = {
  /** Takes a target as it is now. Answers the status to tell where that needs no probe: UNKNOWN for one at rest. */
  readonly update: (target: Target, told: Told | null, nowMs: number) => 'UNKNOWN' | null;
  /** Bots that are due, oldest first, as many as there is room for; each is out until its reading is noted. */
  readonly take: (nowMs: number) => readonly Target[];
  /** Notes a reading. Null if it is of an endpoint or a configuration that is no longer the bot's. */
  readonly note: (target: Target, reading: Reading, nowMs: number) => Judgement | null;
  /** When the next bot is due; null if none is. */
  readonly nextMs: () => number | null;
  readonly size: () => number;
};

/** Simulated bots come in whole seconds, so that one request asks for many. */
const slotMs = 1_000;

/** Bots that may be out at the same time. A simulator answers for a thousand in one request. */
export const outMax = { real: 64, simulated: 2_000 } as const;

/** `defaultIntervalMs`: how often a bot that is well is asked where its manifest does not say. */
export const createWatch = (defaultIntervalMs: number): Watch => {
  const patienceWith = ({ healthCheck }: Target): Patience => {
    if (healthCheck.kind === 'none') return { intervalMs: defaultIntervalMs, failuresMax: 1 };
    const { intervalS, failuresMax } = healthCheck;
    return { intervalMs: intervalS === undefined ? defaultIntervalMs : intervalS * 1_000, failuresMax };
  };
  const bots = new Map<string, Watched>();
  const out = new Map<string, keyof typeof outMax>();
  const kindOf = ({ simulated }: Target) => (simulated ? 'simulated' : 'real');
  const roomOf = (kind: keyof typeof outMax) =>
    outMax[kind] - [...out.values()].reduce((taken, other) => taken + (other === kind ? 1 : 0), 0);
  const dueAt = ({ simulated }: Target, atMs: number) => (simulated ? Math.ceil(atMs / slotMs) * slotMs : atMs);

  return {
    update: (target, told, nowMs) => {
      const known = bots.get(target.botId);
      const { status, hash } = known?.standing ?? told ?? { status: 'UNKNOWN', hash: null };
      if (target.mode !== 'RUNNING' || target.url === null || target.healthCheck.kind === 'none') {
        bots.delete(target.botId);
        return status === 'UNKNOWN' ? null : 'UNKNOWN';
      }
      const isSame = known?.target.url === target.url && known.target.hash === target.hash;
      const isWell = status === 'HEALTHY';
      // After a restart of ours a bot that was well waits for its place. A new or changed one, and one that is not
      // well and of which there is news, is asked at once.
      const isChanged = known !== undefined || hash !== target.hash;
      const placeMs = dueAt(target, placeAfter(target.botId, patienceWith(target).intervalMs, nowMs));
      const dueMs = !isWell ? nowMs : isSame ? known.dueMs : isChanged ? nowMs : placeMs;
      const standing = isSame ? known.standing : { status, hash, failures: 0, unknowns: 0 };
      bots.set(target.botId, { target, standing, dueMs });
      return null;
    },
    take: (nowMs) => {
      const due = [...bots.values()].filter(({ target, dueMs }) => dueMs <= nowMs && !out.has(target.botId));
      const room = { real: roomOf('real'), simulated: roomOf('simulated') };
      const taken = due
        .toSorted((one, other) => one.dueMs - other.dueMs)
        .filter(({ target }) => {
          room[kindOf(target)] -= 1;
          return room[kindOf(target)] >= 0;
        });
      for (const { target } of taken) out.set(target.botId, kindOf(target));
      return taken.map(({ target }) => target);
    },
    note: (target, reading, nowMs) => {
      out.delete(target.botId);
      const known = bots.get(target.botId);
      if (!known || known.target.url !== target.url || known.target.hash !== target.hash) return null;
      const patience = patienceWith(known.target);
      const judgement = judge(known.standing, { ...reading, hash: target.hash }, patience);
      const { tell: _, againMs, ...standing } = judgement;
      const dueMs =
        againMs < patience.intervalMs
          ? nowMs + againMs
          : dueAt(target, placeAfter(target.botId, patience.intervalMs, nowMs));
      bots.set(target.botId, { target: known.target, standing, dueMs });
      return judgement;
    },
    nextMs: () => {
      let next: number | null = null;
      for (const { target, dueMs } of bots.values()) {
        if (!out.has(target.botId) && (next === null || dueMs < next)) next = dueMs;
      }
      return next;
    },
    size: () => bots.size,
  };
};

/**
 * The next moment that is the bot's own, at most an interval ahead. Its place in the interval follows from its id, the same
 * in every process: bots that came all at once are asked one after the other from then on.
 */
const placeAfter = (botId: string, intervalMs: number, nowMs: number): number => {
  const share = createHash('sha256').update(botId).digest().readUInt32BE(0) / 2 ** 32;
  const placeMs = Math.floor(share * intervalMs);
  return nowMs + intervalMs - ((nowMs + intervalMs - placeMs) % intervalMs);
};
