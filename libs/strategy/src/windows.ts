// When waves may start. Pure: the instant comes in, so that a clock that jumps changes the answer and nothing else.
import type { WindowGate } from '@molthub/contracts';
import type { Reason } from '@molthub/decider';
import { isTimeZone } from '@molthub/layers';
import { Cron } from 'croner';

export type WindowState = {
  readonly open: boolean;
  /** When it will be otherwise; null where that is never, or further away than was looked. */
  readonly changesAt: Date | null;
  readonly message: string;
};

type Side = 'allow' | 'deny';
type TimeWindow = NonNullable<WindowGate['allow']>[number];

const minuteMs = 60_000;
/** How often one answer may ask when an expression comes next, in some 60 µs each. */
const looksMax = 500;
const never = Number.POSITIVE_INFINITY;

/**
 * Whether a wave may start at `at`, and when that changes. A window is open from each time that its cron expression names
 * (five fields, by the clocks of the zone), that moment included, for so many minutes of real time, its end excluded.
 *
 * Where clocks go forward, a named time that does not exist is the moment after the gap; of a time that comes twice the
 * first counts. Expressions with `*` or a step in minute or hour skip the gap, and have both. Throws for a gate with
 * `windowProblems`.
 */
export const windowAt = (gate: WindowGate, at: Date): WindowState => {
  const work = { looks: 0 };
  const [allow, deny] = [occurrences(gate, 'allow', work), occurrences(gate, 'deny', work)];
  const now = at.getTime();
  const denied = deny.find((window) => window.holds(now));
  const allowed = allow.find((window) => window.holds(now));
  if (!denied && (allowed || allow.length === 0)) {
    const closes = closesAfter({ allow, deny, work }, now);
    return {
      open: true,
      ...change(closes),
      message: `Open${allowed ? ` by ${allowed.name}` : ''}, ${until(gate, closes)}.`,
    };
  }
  const opens = opensAfter({ allow, deny, work }, now);
  const why = denied ? `by ${denied.name}` : 'outside every allow';
  return { open: false, ...change(opens), message: `Closed ${why}, ${until(gate, opens)}.` };
};

const change = (ms: number): { readonly changesAt: Date | null } => ({ changesAt: ms === never ? null : new Date(ms) });

const until = ({ timezone }: WindowGate, ms: number): string =>
  ms === never
    ? `and nothing else as far as was looked`
    : `until ${new Date(ms).toLocaleString('sv-SE', { timeZone: timezone }).slice(0, 16)} (${timezone})`;

/** The first moment from `now` on that is allowed and not denied. */
const opensAfter = ({ allow, deny, work }: Windows, now: number): number => {
  let at = now;
  while (at !== never && work.looks < looksMax) {
    const moment = at;
    if (allow.length > 0 && !allow.some((window) => window.holds(moment))) {
      at = Math.min(...allow.map((window) => window.startsAfter(moment)));
      continue;
    }
    const ends = deny.filter((window) => window.holds(moment)).map((window) => window.endsAfter(moment));
    if (ends.length === 0) return at;
    at = Math.max(...ends);
  }
  return never;
};

/** The first moment after `now`, which is open, that is denied or no longer allowed. */
const closesAfter = ({ allow, deny, work }: Windows, now: number): number => {
  const denied = Math.min(never, ...deny.map((window) => window.startsAfter(now)));
  let at = now;
  while (allow.length > 0 && at < denied && work.looks < looksMax) {
    const moment = at;
    const ends = allow.filter((window) => window.holds(moment)).map((window) => window.endsAfter(moment));
    if (ends.length === 0) return at;
    at = Math.max(...ends);
  }
  return allow.length === 0 || at >= denied ? denied : never;
};

/** What one answer has cost so far. */
type Work = { looks: number };
type Windows = { readonly allow: readonly Occurrences[]; readonly deny: readonly Occurrences[]; readonly work: Work };

/** One window of a gate, by its times. */
type Occurrences = {
  readonly name: string;
  readonly holds: (ms: number) => boolean;
  /** When that ends which began last before. */
  readonly endsAfter: (ms: number) => number;
  readonly startsAfter: (ms: number) => number;
};

const occurrences = (gate: WindowGate, side: Side, work: Work): readonly Occurrences[] =>
  (gate[side] ?? []).map(({ cron: expression, minutes }, at) => {
    const cron = read(expression, gate.timezone);
    // The last start up to a moment, and the next one after it; kept while moments lie between them.
    let [last, next] = [-never, -never];
    const lookFrom = (ms: number): void => {
      if (ms >= last && ms < next) return;
      work.looks += 1;
      last = cron.previousRuns(1, new Date(ms + 1))[0]?.getTime() ?? -never;
      next = cron.nextRun(new Date(ms))?.getTime() ?? never;
    };
    const endsAfter = (ms: number): number => {
      lookFrom(ms);
      return last + minutes * minuteMs;
    };
    return {
      name: `${side}[${at}] (${expression}, ${minutes} min)`,
      endsAfter,
      holds: (ms) => ms < endsAfter(ms),
      startsAfter: (ms) => {
        lookFrom(ms);
        return next;
      },
    };
  });

/** Throws for what is no expression. A list of times is as good as a time: both are found where clocks skip them. */
const read = (expression: string, timezone: string): Cron =>
  new Cron(expression, { timezone, mode: '5-part', fixedTimeRule: 'no-wildcard' });

/** What is wrong with a window gate, for who writes one; `path` is where it stands. */
export const windowProblems = (gate: WindowGate | undefined, path: string): readonly Reason[] => {
  if (!gate) return [];
  // What is no name, such as +01:00, knows no daylight saving.
  if (!/^[A-Za-z]/.test(gate.timezone) || !isTimeZone(gate.timezone)) {
    const message = `There is no time zone ${gate.timezone}; write a name such as Europe/Berlin or UTC.`;
    return [{ path: `${path}.timezone`, code: 'no-time-zone', message }];
  }
  const wrong = (['allow', 'deny'] as const).flatMap((side) =>
    (gate[side] ?? []).flatMap((window, at) => {
      const message = cronProblem(window, gate.timezone);
      return message === null ? [] : [{ path: `${path}.${side}.${at}.cron`, code: 'no-time', message }];
    }),
  );
  if (gate.allow?.length !== 0) return wrong;
  const message = 'An empty list allows nothing; name a window, or leave it out to allow all that is not denied.';
  return [...wrong, { path: `${path}.allow`, code: 'never-opens', message }];
};

/** Any moment will do: what does not come in the four hundred years after it never comes. */
const someDay = new Date('2024-01-01T00:00:00Z');

const cronProblem = ({ cron: expression }: TimeWindow, timezone: string): string | null => {
  const fix = 'Write minute, hour, day of month, month and day of week, such as 0 22 * * FRI';
  // A date is no expression here: what it names comes once, and then never again.
  if (!/^\S+(?:\s+\S+){4}$/.test(expression.trim())) return `"${expression}" has not five fields. ${fix}.`;
  try {
    return read(expression, timezone).nextRun(someDay) === null
      ? `"${expression}" names no day that comes. ${fix}.`
      : null;
  } catch (error) {
    return `"${expression}" is no cron expression (${error instanceof Error ? error.message : String(error)}). ${fix}.`;
  }
};
