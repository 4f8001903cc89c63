// Windows and failures are counted by the database; here they only become facts, each once.
import {
  type CommandOf,
  type FactOf,
  type ReportFailedTraces,
  type SummarizeWindow,
  TraceFailed,
  TraceWindowSummarized,
} from '@molthub/contracts';
import { type Decider, unreachable } from '@molthub/decider';

type Command = CommandOf<typeof SummarizeWindow> | CommandOf<typeof ReportFailedTraces>;
type Fact = FactOf<typeof TraceWindowSummarized> | FactOf<typeof TraceFailed>;

/** The last minutes said; a stream holds one bot's day, and both come in the order of time but for late ones. */
export type State = { readonly said: readonly string[] };

const saidMax = 64;

/** The windows of one bot on one day. A repeat of one of the last 64 says nothing; older ones are known by their id. */
export const telemetryDecider: Decider<State, Command, Fact> = {
  initial: { said: [] },
  decide: (command, state) => {
    const fact = factOf(command);
    return state.said.includes(keyOf(fact)) ? [] : [fact];
  },
  evolve: (state, fact) => ({ said: [...state.said, keyOf(fact)].slice(-saidMax) }),
};

const factOf = (command: Command): Fact => {
  switch (command.type) {
    case 'trace.window.summarize.v1':
      return { type: TraceWindowSummarized.type, data: command.data };
    case 'trace.failure.report.v1':
      return { type: TraceFailed.type, data: command.data };
    default:
      return unreachable(command);
  }
};

const keyOf = (fact: Fact): string =>
  fact.type === 'trace.trace.failed.v1' ? `failed ${fact.data.minute}` : `${fact.data.from} ${fact.data.configHash}`;
