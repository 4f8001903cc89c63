// How long a verdict of policy holds: nothing is released on an older one, since packs and waivers change.

/** Long enough to release thousands of bots that were judged together. Policy's clock and ours may differ by less. */
export const verdictGoodForS = 60;

/** Whether a verdict of `judgedAt` still holds at `now`; both are RFC 3339 times. No verdict never does. */
export const isGoodVerdict = (judgedAt: string | null | undefined, now: string): boolean =>
  typeof judgedAt === 'string' && Date.parse(now) - Date.parse(judgedAt) <= verdictGoodForS * 1_000;
