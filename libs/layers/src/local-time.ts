// Local times of a zone as instants, by the time zone database of the JavaScript engine.

const form = /^(?<date>\d{4}-\d\d-\d\d)T(?<time>\d\d:\d\d(?::\d\d)?)$/;
const hourMs = 3_600_000;

/** Why a text is no local time, and what to write; `null` where it is one. */
export const localProblem = (local: string): string | null => {
  if (!form.test(local)) return 'Write a local time such as 2026-12-24T18:00, without an offset: the time zone has it.';
  const year = Number(local.slice(0, 4));
  if (year < 1970 || year > 2199) return 'Write a year from 1970 to 2199.';
  return Number.isNaN(clockMs(local)) ? 'There is no such day or time in the calendar.' : null;
};

/** Whether the engine knows a time zone of this name. */
export const isTimeZone = (timeZone: string): boolean => {
  try {
    return formatOf(timeZone) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

/** The first moment (ms since 1970, UTC) at which a clock of the zone shows `local` or later. Throws for what is no local time. */
export const localInstant = (local: string, timeZone: string): number => {
  const problem = localProblem(local);
  if (problem !== null) throw new Error(`"${local.slice(0, 40)}" is no local time. ${problem}`);
  const clock = clockMs(local);
  // No zone is further from UTC than this, and none changes twice so soon.
  const [before, after] = [offsetMs(clock - 36 * hourMs, timeZone), offsetMs(clock + 36 * hourMs, timeZone)];
  const early = clock - before;
  if (offsetMs(early, timeZone) === before) return early;
  const late = clock - after;
  if (offsetMs(late, timeZone) === after) return late;
  return firstWithout(before, late, early, timeZone);
};

/** The moment between two, both in ms, at which an offset ends. */
const firstWithout = (offset: number, from: number, to: number, timeZone: string): number => {
  let [low, high] = [from, to];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(middle, timeZone) === offset) low = middle;
    else high = middle;
  }
  return high;
};

/** The milliseconds that a clock would have counted if it stood at UTC; NaN for a day or time that does not exist. */
const clockMs = (local: string): number => {
  const withSeconds = local.length === 16 ? `${local}:00` : local;
  const ms = Date.parse(`${withSeconds}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(withSeconds) ? ms : Number.NaN;
};

/** How far the clocks of the zone are before UTC at an instant. */
const offsetMs = (instant: number, timeZone: string): number => {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const clock = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return clock - Math.floor(instant / 1_000) * 1_000;
};

/** Making one takes longer than all that is asked of it. */
const formats = new Map<string, Intl.DateTimeFormat>();
const formatsMax = 100;

const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formats.size >= formatsMax) formats.clear();
  formats.set(timeZone, made);
  return made;
};
