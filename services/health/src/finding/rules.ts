// Which findings begin and which are over, from what health sees of a bot. Pure: `nowMs` is the sweep's.
import type { FindingKind, FindingSeverity, HealthStatus } from '@molthub/contracts';

export type FindingLimits = {
  /** A bot that is unhealthy for so long is a finding; less may be a restart. */
  readonly unhealthyMs: number;
  /** And it is over once the bot is well for so long. */
  readonly wellMs: number;
  /** Restarts and changes of health are counted over the last so many milliseconds. */
  readonly windowMs: number;
  readonly restartsMin: number;
  /** So many changes between well and unhealthy are too many; over is it at `flipsOver` or fewer. */
  readonly flipsMin: number;
  readonly flipsOver: number;
};

export const defaultLimits: FindingLimits = {
  unhealthyMs: 120_000,
  wellMs: 60_000,
  windowMs: 600_000,
  restartsMin: 3,
  flipsMin: 7,
  flipsOver: 2,
};

/** How many moments of a bot are remembered: more than any limit asks for. */
export const momentsMax = 16;

export type Seen = {
  readonly status: HealthStatus;
  readonly changedMs: number;
  readonly detail: string;
  readonly hash: string | null;
  /** Why it is not asked; null while it is. */
  readonly rest: string | null;
  /** When it changed between well and unhealthy, oldest first. */
  readonly flipsMs: readonly number[];
  /** When the reconciler had to bring it back, oldest first. */
  readonly restartsMs: readonly number[];
  /** Kinds of which a finding is open. */
  readonly open: readonly FindingKind[];
};

type Evidence = Readonly<Record<string, string | number | null>>;
export type Begun = {
  readonly kind: FindingKind;
  readonly severity: FindingSeverity;
  readonly title: string;
  /** With the bot and the kind this names the finding, so that it is opened once. */
  readonly since: string;
  readonly evidence: Evidence;
};
export type Over = { readonly kind: FindingKind; readonly evidence: Evidence };

type Rule = {
  readonly kind: FindingKind;
  readonly begins: (seen: Seen, nowMs: number, limits: FindingLimits) => Omit<Begun, 'kind'> | null;
  readonly over: (seen: Seen, nowMs: number, limits: FindingLimits) => Evidence | null;
};

const timeOf = (ms: number): string => new Date(ms).toISOString();
const isWell = ({ status }: Seen): boolean => status === 'HEALTHY' || status === 'DEGRADED';

const unhealthy: Rule = {
  kind: 'UNHEALTHY',
  begins: ({ status, changedMs, detail, hash }, nowMs, { unhealthyMs }) => {
    if (status !== 'UNHEALTHY' || nowMs - changedMs < unhealthyMs) return null;
    const since = timeOf(changedMs);
    const unhealthyS = Math.round(unhealthyMs / 1_000);
    const title = `It has been unhealthy for ${unhealthyS} s.`;
    return { severity: 'CRITICAL', title, since, evidence: { since, detail, hash, unhealthyS } };
  },
  over: (seen, nowMs, { wellMs }) =>
    isWell(seen) && nowMs - seen.changedMs >= wellMs
      ? { reason: 'it has been well for long enough', wellSince: timeOf(seen.changedMs) }
      : null,
};

/** Moments of one kind within the window: many are a finding, few are its end. */
const counted = (parts: {
  readonly kind: FindingKind;
  readonly severity: FindingSeverity;
  readonly of: (seen: Seen) => readonly number[];
  readonly min: (limits: FindingLimits) => number;
  readonly over: (limits: FindingLimits) => number;
  readonly what: string;
}): Rule => {
  const within = (seen: Seen, nowMs: number, { windowMs }: FindingLimits) =>
    parts.of(seen).filter((atMs) => nowMs - atMs < windowMs);
  return {
    kind: parts.kind,
    begins: (seen, nowMs, limits) => {
      const times = within(seen, nowMs, limits);
      const [first, last] = [times[0], times.at(-1)];
      if (first === undefined || last === undefined || times.length < parts.min(limits)) return null;
      const windowS = Math.round(limits.windowMs / 1_000);
      const title = `It ${parts.what} ${times.length} times within ${windowS} s.`;
      const since = timeOf(first);
      const evidence = { times: times.length, windowS, since, lastAt: timeOf(last), detail: seen.detail };
      return { severity: parts.severity, title, since, evidence };
    },
    over: (seen, nowMs, limits) => {
      const times = within(seen, nowMs, limits).length;
      return times <= parts.over(limits) ? { reason: 'it happens no more, or seldom', times } : null;
    },
  };
};

const rules: readonly Rule[] = [
  unhealthy,
  counted({
    kind: 'RESTARTING',
    severity: 'CRITICAL',
    of: ({ restartsMs }) => restartsMs,
    min: ({ restartsMin }) => restartsMin,
    over: () => 0,
    what: 'went down and was brought back',
  }),
  counted({
    kind: 'FLAPPING',
    severity: 'WARNING',
    of: ({ flipsMs }) => flipsMs,
    min: ({ flipsMin }) => flipsMin,
    over: ({ flipsOver }) => flipsOver,
    what: 'changed between well and unhealthy',
  }),
];

/** A finding that these rules did not open is left to whoever did. */
export const findingsOf = (
  seen: Seen,
  nowMs: number,
  limits: FindingLimits,
): { readonly begun: readonly Begun[]; readonly over: readonly Over[] } => {
  const open = rules.filter(({ kind }) => seen.open.includes(kind));
  if (seen.rest !== null)
    return { begun: [], over: open.map(({ kind }) => ({ kind, evidence: { reason: seen.rest } })) };
  const begun = rules.flatMap((rule) => {
    const found = open.includes(rule) ? null : rule.begins(seen, nowMs, limits);
    return found ? [{ kind: rule.kind, ...found }] : [];
  });
  const over = open.flatMap((rule) => {
    const evidence = rule.over(seen, nowMs, limits);
    return evidence ? [{ kind: rule.kind, evidence }] : [];
  });
  return { begun, over };
};
