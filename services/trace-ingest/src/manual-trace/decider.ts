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
        throw new Rejected('trace.trace-exists', 'This bot has a trace of this id already; choose another traceId.');
      case 'trace.trace.end.v1':
        return end(command, state);
      default:
        return unreachable(command);
    }
  },
  evolve: (_, fact) =>
    fact.type === TraceOpened.type ? { is: 'open', startedAt: fact.data.startedAt } : { is: 'ended' },
};

/** Times that a span may have: `recordOf` refuses others, and then nothing could be stored of what was accepted. */
const earliestMs = Date.UTC(2000, 0);
const clockSkewMs = 86_400_000;
const isTooLate = (moment: string, now: string): boolean => Date.parse(moment) > Date.parse(now) + clockSkewMs;

const open = ({ data, time }: CommandOf<typeof OpenTrace>): readonly Fact[] => {
  if (Date.parse(data.startedAt) < earliestMs || isTooLate(data.startedAt, time)) {
    throw new Rejected('trace.start-invalid', 'startedAt must be in 2000 or later, and at most a day from now.');
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
        throw new Rejected('trace.end-invalid', `endedAt must not be before the trace began, ${state.startedAt}.`);
      }
      if (isTooLate(data.endedAt, time)) {
        throw new Rejected('trace.end-invalid', 'endedAt must be at most a day from now.');
      }
      return [{ type: TraceEnded.type, data }];
    default:
      return unreachable(state);
  }
};
