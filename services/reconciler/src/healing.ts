// Whether a drifted bot may be healed now. Restraint: a wrong reading must never restart a whole fleet.

export type HealingSettings = {
  readonly healsPerMinute: number;
  /** Above this share of a fleet, and at least `breakerBotsMin` bots within a minute, the fault is probably ours. */
  readonly breakerShare: number;
  readonly breakerBotsMin: number;
  /** How long a fleet is held at least, and how long after a person's word it is not held again. */
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

/** What is known of a held fleet. */
export type Hold = { readonly drifted: number; readonly bots: number };

export type Healing = {
  /** A confirmed drift, healed or not: what the breaker watches. */
  readonly drifted: (botId: string, fleetId: string, botsOfFleet: number, now: number) => void;
  /** The bot is as it should be. */
  readonly calm: (botId: string, fleetId: string) => void;
  /** `key` names what is wrong: the same generation with the same observation. */
  readonly permit: (botId: string, fleetId: string, key: string, now: number) => Permit;
  readonly forget: (botId: string, fleetId: string) => void;
  /** Fleets of which nothing is healed. */
  readonly holds: () => ReadonlyMap<string, Hold>;
  /** Holds a fleet that another process held, or this one before it was started again. */
  readonly hold: (fleetId: string, hold: Hold, now: number) => void;
  /** Held fleets of which no more drifts than may, after at least `breakerHoldMs`. */
  readonly over: (botsOfFleet: (fleetId: string) => number, now: number) => readonly string[];
  /** Heals again, and answers the bots that wait for it. */
  readonly resume: (fleetId: string, now: number) => readonly string[];
};

type Fleet = {
  /** When each bot drifted, within the last minute. */
  readonly recent: Map<string, number>;
  /** Those that were not seen as they should be since. */
  readonly drifting: Set<string>;
  held: (Hold & { readonly since: number }) | null;
  /** Not held before: a person said that it is to be healed. */
  freeUntil: number;
};

const minuteMs = 60_000;
const firstWaitMs = 5_000;
const longestWaitMs = 300_000;

export const createHealing = (settings: HealingSettings): Healing => {
  const healed = new Map<string, { key: string; times: number; at: number }>();
  const fleets = new Map<string, Fleet>();
  let heals: number[] = [];
  const fleetOf = (fleetId: string): Fleet => {
    const known = fleets.get(fleetId) ?? { recent: new Map(), drifting: new Set(), held: null, freeUntil: 0 };
    fleets.set(fleetId, known);
    return known;
  };
  const isMass = (count: number, botsOfFleet: number) =>
    count >= settings.breakerBotsMin && count > botsOfFleet * settings.breakerShare;

  return {
    drifted: (botId, fleetId, bots, now) => {
      const fleet = fleetOf(fleetId);
      fleet.drifting.add(botId);
      // Taken out first, so that the map stays in the order of time and the oldest are at its front.
      fleet.recent.delete(botId);
      fleet.recent.set(botId, now);
      for (const [id, at] of fleet.recent) {
        if (at > now - minuteMs) break;
        fleet.recent.delete(id);
      }
      const drifted = fleet.recent.size;
      if (fleet.held === null && fleet.freeUntil <= now && isMass(drifted, bots)) {
        fleet.held = { drifted, bots, since: now };
      }
    },
    calm: (botId, fleetId) => fleets.get(fleetId)?.drifting.delete(botId),
    permit: (botId, fleetId, key, now) => {
      if (fleets.get(fleetId)?.held) return refused(settings.breakerHoldMs, 'too much of the fleet drifts at once');
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
    forget: (botId, fleetId) => {
      healed.delete(botId);
      fleets.get(fleetId)?.recent.delete(botId);
      fleets.get(fleetId)?.drifting.delete(botId);
    },
    holds: () => new Map([...fleets].flatMap(([id, { held }]) => (held ? [[id, held]] : []))),
    hold: (fleetId, hold, now) => {
      const fleet = fleetOf(fleetId);
      fleet.held ??= { ...hold, since: now };
    },
    over: (botsOfFleet, now) =>
      [...fleets].flatMap(([id, { held, drifting }]) =>
        held && held.since + settings.breakerHoldMs <= now && !isMass(drifting.size, botsOfFleet(id)) ? [id] : [],
      ),
    resume: (fleetId, now) => {
      const fleet = fleetOf(fleetId);
      fleet.held = null;
      fleet.freeUntil = now + settings.breakerHoldMs;
      fleet.recent.clear();
      return [...fleet.drifting];
    },
  };
};

const refused = (waitMs: number, why: string): Permit => ({ is: 'refused', waitMs, why });

/** How long after the nth heal the same drift is left alone. */
const backoffMs = (times: number) => Math.min(longestWaitMs, firstWaitMs * 2 ** (times - 1));
