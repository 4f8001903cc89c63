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
        if (state.is === 'unknown') return [{ type: TraceOpened.type, data: command.data }];
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

const end = ({ data }: CommandOf<typeof EndTrace>, state: State): readonly Fact[] => {
  switch (state.is) {
    case 'unknown':
      throw new Rejected('trace.trace-not-found', 'Nobody began this trace over the API; it ends with its own spans.');
    case 'ended':
      throw new Rejected('trace.trace-ended', 'This trace has ended already; it ends once.');
    case 'open':
      if (Date.parse(data.endedAt) < Date.parse(state.startedAt)) {
        throw new Rejected('trace.end-invalid', `endedAt must not be before the trace began, ${state.startedAt}.`);
      }
      return [{ type: TraceEnded.type, data }];
    default:
      return unreachable(state);
  }
};
