// Whether a drifted bot may be healed now. Restraint: a wrong reading must never restart a whole fleet.

export type HealingSettings = {
  readonly healsPerMinute: number;
  /** Above this share of a fleet, and at least `breakerBotsMin` bots within a minute, the fault is probably ours. */
  readonly breakerShare: number;
  readonly breakerBotsMin: number;
  readonly breakerHoldMs: number;
};

export const defaultHealing: HealingSettings = {
  healsPerMinute: 600,
  breakerShare: 0.5,
  breakerBotsMin: 20,
  breakerHoldMs: 300_000,
};

export type Permit =
  | { readonly is: 'granted' }
  | { readonly is: 'refused'; readonly waitMs: number; readonly why: string };

export type Healing = {
  /** A confirmed drift, healed or not: what the breaker watches. */
  readonly drifted: (botId: string, fleetId: string, botsOfFleet: number, now: number) => void;
  /** `key` names what is wrong: the same generation with the same observation. */
  readonly permit: (botId: string, fleetId: string, key: string, now: number) => Permit;
  readonly forget: (botId: string) => void;
};

const minuteMs = 60_000;
const firstWaitMs = 5_000;
const longestWaitMs = 300_000;

export const createHealing = (settings: HealingSettings): Healing => {
  const healed = new Map<string, { key: string; times: number; at: number }>();
  const fleets = new Map<string, { driftedAt: Map<string, number>; openUntil: number }>();
  let heals: number[] = [];

  return {
    drifted: (botId, fleetId, botsOfFleet, now) => {
      const fleet = fleets.get(fleetId) ?? { driftedAt: new Map<string, number>(), openUntil: 0 };
      fleets.set(fleetId, fleet);
      // Taken out first, so that the map stays in the order of time and the oldest are at its front.
      fleet.driftedAt.delete(botId);
      fleet.driftedAt.set(botId, now);
      for (const [id, at] of fleet.driftedAt) {
        if (at > now - minuteMs) break;
        fleet.driftedAt.delete(id);
      }
      const count = fleet.driftedAt.size;
      const isMass = count >= settings.breakerBotsMin && count > botsOfFleet * settings.breakerShare;
      if (isMass && fleet.openUntil <= now) fleet.openUntil = now + settings.breakerHoldMs;
    },
    permit: (botId, fleetId, key, now) => {
      const openUntil = fleets.get(fleetId)?.openUntil ?? 0;
      if (openUntil > now) return refused(openUntil - now, 'too much of the fleet drifts at once');
      const before = healed.get(botId);
      const waitMs = before?.key === key ? backoffMs(before.times) : 0;
      const last = before?.at ?? -Infinity;
      if (last + waitMs > now) return refused(last + waitMs - now, 'the same drift came back after it was healed');
      heals = heals.filter((at) => at > now - minuteMs);
      const oldest = heals[0];
      if (heals.length >= settings.healsPerMinute && oldest !== undefined) {
        return refused(oldest + minuteMs - now, 'the heal budget of this minute is spent');
      }
      heals.push(now);
      const isLasting = before?.key !== key || now - last > Math.max(minuteMs, 2 * waitMs);
      healed.set(botId, { key, times: isLasting ? 1 : (before?.times ?? 0) + 1, at: now });
      return { is: 'granted' };
    },
    forget: (botId) => healed.delete(botId),
  };
};

const refused = (waitMs: number, why: string): Permit => ({ is: 'refused', waitMs, why });

/** How long after the nth heal the same drift is left alone. */
const backoffMs = (times: number) => Math.min(longestWaitMs, firstWaitMs * 2 ** (times - 1));
