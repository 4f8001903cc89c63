// How long a verdict of policy holds: nothing is released on an older one, since packs and waivers change.

/** Long enough to release thousands of bots that were judged together. Policy's clock and ours may differ by less. */
const verdictGoodForS = 60;

/**
 * Whether a verdict of `judgedAt` still holds at `now`; both are RFC 3339 times. No verdict never does, nor one that is as
 * far in the future: with a clock that is wrong it would hold until that time and a minute longer.
 */
export const isGoodVerdict = (judgedAt: string | null | undefined, now: string): boolean =>
  typeof judgedAt === 'string' && Math.abs(Date.parse(now) - Date.parse(judgedAt)) <= verdictGoodForS * 1_000;

/** SQL: the same. */
export const isGoodVerdictSql = ({ judgedAt, now }: { readonly judgedAt: string; readonly now: string }): string =>
  `coalesce(abs(extract(epoch from ${now}::timestamptz - ${judgedAt})) <= ${verdictGoodForS}, false)`;
