// When something with a schedule is on. Pure: the instant comes in, so a clock that jumps misses no edge.
import type { Problem } from '@molthub/contracts';
import { isTimeZone, localInstant, localProblem } from './local-time.ts';

/**
 * One window, open where an end is left out. `start` (first moment in) and `end` (first moment out) are local times of
 * the zone, such as 2026-12-24T18:00: each means the first moment at which a clock there shows that time or a later one.
 * So a time that is skipped in spring is the moment of the skip, and of one that comes twice in autumn the first counts.
 */
export type Schedule = {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  /** A name of the time zone database, such as Europe/Berlin. */
  readonly timeZone: string;
};

export type Edge = { readonly at: string; readonly isActive: boolean };

/** Whether it is on at an instant (RFC 3339). Throws for a schedule or an instant that is none. */
export const activeAt = (schedule: Schedule, instant: string): boolean => {
  const { startMs, endMs } = windowOf(schedule);
  const at = msOf(instant);
  return startMs <= at && at < endMs;
};

/** The first moment after an instant at which it goes on or off; `null` when there is none any more. */
export const nextEdge = (schedule: Schedule, instant: string): Edge | null => {
  const { startMs, endMs } = windowOf(schedule);
  const at = msOf(instant);
  if (startMs >= endMs) return null;
  if (at < startMs) return edge(startMs, true);
  return at < endMs && endMs !== Number.POSITIVE_INFINITY ? edge(endMs, false) : null;
};

/** Whether there is a moment at which both are on; null is always on. */
export const meet = (one: Schedule | null, other: Schedule | null): boolean => {
  const [a, b] = [one, other].map((schedule) => (schedule ? windowOf(schedule) : always));
  return a === undefined || b === undefined || Math.max(a.startMs, b.startMs) < Math.min(a.endMs, b.endMs);
};
const always = { startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY };

/** What is wrong with a schedule, for who writes one; `path` is where it stands. */
export const scheduleProblems = (schedule: Schedule, path: string): readonly Problem[] => {
  const problem = (field: string, message: string): Problem => ({
    path: `${path}.${field}`,
    code: 'config.schedule-refused',
    message,
  });
  if (!isTimeZone(schedule.timeZone)) {
    return [problem('timeZone', 'There is no such time zone; write a name such as Europe/Berlin or UTC.')];
  }
  const wrong = (['start', 'end'] as const).flatMap((field) => {
    const local = schedule[field];
    const message = local === undefined ? null : localProblem(local);
    return message === null ? [] : [problem(field, message)];
  });
  if (wrong.length > 0) return wrong;
  if (schedule.start === undefined && schedule.end === undefined) {
    return [problem('start', 'Write a start, an end or both; what is always on has no schedule.')];
  }
  const { startMs, endMs } = windowOf(schedule);
  return startMs < endMs
    ? []
    : [problem('end', 'The end is not after the start in this time zone; write a later one.')];
};

const windowOf = ({ start, end, timeZone }: Schedule): { readonly startMs: number; readonly endMs: number } => ({
  startMs: start === undefined ? Number.NEGATIVE_INFINITY : localInstant(start, timeZone),
  endMs: end === undefined ? Number.POSITIVE_INFINITY : localInstant(end, timeZone),
});

const edge = (ms: number, isActive: boolean): Edge => ({ at: new Date(ms).toISOString(), isActive });

const msOf = (instant: string): number => {
  const ms = Date.parse(instant);
  if (Number.isNaN(ms)) throw new Error(`"${instant}" is no instant; write one such as 2026-12-24T17:00:00Z.`);
  return ms;
};
