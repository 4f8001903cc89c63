// A trace that is begun over the API runs until it is ended, once.
import {
  type CommandOf,
  type EndTrace,
  type FactOf,
  type OpenTrace,
  TraceEnded,
  TraceOpened,
} from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';

type Command = CommandOf<typeof OpenTrace> | CommandOf<typeof EndTrace>;
type Fact = FactOf<typeof TraceOpened> | FactOf<typeof TraceEnded>;

export type State =
  | { readonly is: 'unknown' }
  | { readonly is: 'open'; readonly startedAt: string }
  | { readonly is: 'ended' };

export const manualTraceDecider: Decider<State, Command, Fact> = {
  initial: { is: 'unknown' },
  decide: (command, state) => {
    switch (command.type) {
      case 'trace.trace.open.v1':
        if (state.is === 'unknown') return open(command);
        throw traceExists();
      case 'trace.trace.end.v1':
        return end(command, state);
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) =>
    fact.type === TraceOpened.type ? { is: 'open', startedAt: fact.data.startedAt } : { is: 'ended' },
};

/** Of whatever door the trace with this id came by: one that is over would run again, until somebody ends it. */
export const traceExists = (): Rejected =>
  invalid('trace.trace-exists', 'traceId', 'This bot has a trace of this id already; choose another traceId.');

const invalid = (code: string, path: string, message: string): Rejected =>
  new Rejected(code, message, [{ path, code, message }]);

/** Times that a span may have: `recordOf` refuses others, and then nothing could be stored of what was accepted. */
const earliestMs = Date.UTC(2000, 0);
/** Clocks differ by less, and what begins later could not be ended before. */
const aheadMinutesMax = 5;
const isTooLate = (moment: string, now: string): boolean =>
  Date.parse(moment) > Date.parse(now) + aheadMinutesMax * 60_000;

const open = ({ data, time }: CommandOf<typeof OpenTrace>): readonly Fact[] => {
  if (Date.parse(data.startedAt) < earliestMs || isTooLate(data.startedAt, time)) {
    const message = `startedAt must be in 2000 or later, and at most ${aheadMinutesMax} minutes from now.`;
    throw invalid('trace.start-invalid', 'startedAt', message);
  }
  return [{ type: TraceOpened.type, data }];
};

const end = ({ data, time }: CommandOf<typeof EndTrace>, state: State): readonly Fact[] => {
  switch (state.is) {
    case 'unknown':
      throw new Rejected('trace.trace-not-found', 'Nobody began this trace over the API; it ends with its own spans.');
    case 'ended':
      throw new Rejected('trace.trace-ended', 'This trace has ended already; it ends once.');
    case 'open':
      if (Date.parse(data.endedAt) < Date.parse(state.startedAt)) {
        const message = `endedAt must not be before the trace began, ${state.startedAt}.`;
        throw invalid('trace.end-invalid', 'endedAt', message);
      }
      if (isTooLate(data.endedAt, time)) {
        const message = `endedAt must be at most ${aheadMinutesMax} minutes from now.`;
        throw invalid('trace.end-invalid', 'endedAt', message);
      }
      return [{ type: TraceEnded.type, data }];
    default:
      return unreachable(state);
  }
};
