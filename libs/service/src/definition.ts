// What a service is made of: aggregates, projections, reactions, listeners, queries and jobs. Types only close here,
// so that the parts that run them need to know nothing of any business.
import type {
  Command,
  CommandDefinition,
  CommandOf,
  EventDefinition,
  Fact,
  FactOf,
  Outcome,
  Recorded,
  ServiceName,
} from '@molthub/contracts';
import type { Decider, Placed } from '@molthub/decider';
import type { Migration, Projection, Reads, Sql } from '@molthub/event-store';
import type { Runtime } from './runtime.ts';

/** A stream that a decision rests on without writing to it; another version at commit means decide again. */
export type Expectation = { readonly stream: string; readonly version: number };

/** A command with everything its decision needs, read before it is decided. */
export type Prepared<C> = { readonly command: C; readonly expects?: readonly Expectation[] };

/** When a stream wants to be woken by time, and what is to happen then. */
export type Due = { readonly at: string; readonly definition: CommandDefinition; readonly data: unknown };

/** What happens to commands: to the one being decided, and to earlier ones that stayed pending. */
export type Conclusion = {
  readonly own: Outcome;
  readonly others?: readonly { readonly commandId: string; readonly outcome: Outcome }[];
};

/** A stream's folded state with its business closed over it. */
export type Situation = {
  readonly decide: (command: Command) => readonly Placed<Fact>[];
  readonly evolve: (facts: readonly Fact[]) => Situation;
  readonly due: () => Due | null;
};

export type Aggregate = {
  readonly category: string;
  readonly commands: readonly CommandDefinition[];
  readonly streamOf: (command: Command) => string;
  readonly prepare: (command: Command, reads: Reads) => Promise<Prepared<Command>>;
  readonly empty: Situation;
  readonly hasTimers: boolean;
  readonly conclude: (command: Command, facts: readonly Fact[], version: number) => Conclusion;
};

/**
 * Declares an aggregate: which commands go to which stream `<category>-<id>`, and the decider that answers them.
 * `prepare` reads what the decision needs (own tables only) into the command; `conclude` says how commands ended
 * (default: done, with the stream's version as `version`).
 */
export const aggregate = <
  State,
  C extends CommandDefinition,
  E extends EventDefinition,
  P extends CommandOf<C> = CommandOf<C>,
>(parts: {
  readonly category: string;
  readonly commands: readonly C[];
  readonly events: readonly E[];
  readonly id: (command: CommandOf<C>) => string;
  readonly prepare: (command: CommandOf<C>, reads: Reads) => Prepared<P> | Promise<Prepared<P>>;
  readonly decider: Decider<State, P, FactOf<E>>;
  readonly due?: (state: State) => Due | null;
  readonly conclude?: (command: P, facts: readonly FactOf<E>[], version: number) => Conclusion;
}): Aggregate => {
  const commandTypes = new Set<string>(parts.commands.map((c) => c.type));
  const eventTypes = new Set<string>(parts.events.map((e) => e.type));
  const isCommand = (command: Command): command is CommandOf<C> => commandTypes.has(command.type);
  const isPrepared = (command: Command): command is P => commandTypes.has(command.type);
  const isFact = (fact: Fact): fact is FactOf<E> => eventTypes.has(fact.type);
  const own = (command: Command) => {
    if (!isCommand(command)) throw new Error(`${parts.category} does not know the command ${command.type}.`);
    return command;
  };
  const situation = (state: State): Situation => ({
    decide: (command) => {
      if (!isPrepared(command)) throw new Error(`${parts.category} does not know the command ${command.type}.`);
      return parts.decider.decide(command, state);
    },
    evolve: (facts) => situation(facts.filter(isFact).reduce(parts.decider.evolve, state)),
    due: () => parts.due?.(state) ?? null,
  });
  return {
    category: parts.category,
    commands: parts.commands,
    streamOf: (command) => `${parts.category}-${parts.id(own(command))}`,
    prepare: async (command, reads) => parts.prepare(own(command), reads),
    empty: situation(parts.decider.initial),
    hasTimers: parts.due !== undefined,
    conclude: (command, facts, version) =>
      parts.conclude && isPrepared(command)
        ? parts.conclude(command, facts.filter(isFact), version)
        : { own: { status: 'DONE', result: { version } } },
  };
};

/** For aggregates whose decisions need nothing but the command. */
export const asIs = <C>(command: C): Prepared<C> => ({ command });

/** A command that a reaction or a job wants done by its own service. */
export type Intent = { readonly definition: CommandDefinition; readonly data: unknown };

/** Names a command of one's own service with its data, checked by the compiler. */
export const intend = <D extends CommandDefinition>(definition: D, data: CommandOf<D>['data']): Intent => ({
  definition,
  data,
});

/** Other services' events → our commands, in order per stream, each exactly once in effect. */
export type Reaction = {
  readonly name: string;
  readonly event: EventDefinition;
  readonly react: (event: Recorded, reads: Reads) => Promise<readonly Intent[]>;
};

/** Declares a reaction. Its commands get ids derived from the event's id and the reaction's name. */
export const on = <E extends EventDefinition>(
  event: E,
  name: string,
  react: (event: Recorded<FactOf<E>>, reads: Reads) => readonly Intent[] | Promise<readonly Intent[]>,
): Reaction => {
  const isOwn = (recorded: Recorded): recorded is Recorded<FactOf<E>> => recorded.type === event.type;
  return {
    name,
    event,
    react: async (recorded, reads) => (isOwn(recorded) ? react(recorded, reads) : []),
  };
};

/**
 * Events → our own tables, in batches of up to 500 or 20 ms, one transaction each with its checkpoint; repeats are
 * dropped before `apply`. `sources` names the services listened to; without `types` all their events come.
 */
export type Listener = {
  readonly name: string;
  readonly sources: readonly ServiceName[];
  readonly types?: readonly string[];
  /** Instead of the service's own. */
  readonly gatherMs?: number;
  /** Its tables know events by their id and drop one that comes again, so that nothing else need remember each stream. */
  readonly dropsRepeats?: boolean;
  /** `apply` sends all its statements before it waits for any of them: the commit then goes out with them. */
  readonly sendsAtOnce?: boolean;
  readonly apply: (events: readonly Recorded[], sql: Sql) => Promise<void>;
  /** Called after the commit, with what was applied. */
  readonly applied?: (events: readonly Recorded[]) => void;
};

/** Answers a command with `records: false`: no event, no stored outcome. Throws `Rejected` to refuse. */
export type Query = {
  readonly definition: CommandDefinition;
  readonly answer: (command: Command, runtime: Runtime) => Promise<Record<string, unknown>>;
};

export const answer = <D extends CommandDefinition>(
  definition: D,
  respond: (command: CommandOf<D>, runtime: Runtime) => Promise<Record<string, unknown>>,
): Query => {
  const isOwn = (command: Command): command is CommandOf<D> => command.type === definition.type;
  return {
    definition,
    answer: async (command, runtime) => {
      if (!isOwn(command)) throw new Error(`${definition.type} was asked to answer ${command.type}.`);
      return respond(command, runtime);
    },
  };
};

/** Work that a service does by itself. With `single`, only the holder of the lease `job:<name>` runs it. */
export type Job = {
  readonly name: string;
  readonly single: boolean;
  /** Runs until `signal` aborts; a throw is a fault: logged and started again with back-off. */
  readonly run: (runtime: Runtime, signal: AbortSignal) => Promise<void>;
};

export type ServiceDefinition = {
  readonly name: ServiceName;
  readonly migrations: readonly Migration[];
  readonly aggregates: readonly Aggregate[];
  readonly projections: readonly Projection[];
  readonly reactions: readonly Reaction[];
  readonly listeners: readonly Listener[];
  readonly queries: readonly Query[];
  readonly jobs: readonly Job[];
  /**
   * Batches of other services' events begin at multiples of so many milliseconds: for a service on whose reaction no
   * caller waits, since what comes meanwhile, from whichever source, then shares a transaction. Default: at once.
   */
  readonly gatherMs?: number;
};
