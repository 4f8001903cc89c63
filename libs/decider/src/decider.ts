// A whole business is `decide`, `evolve` and `initial`: pure, without clock, ids, I/O or randomness.

/** A fact for the command's own stream, or for another one that it names. */
export type Placed<Fact> = Fact & { readonly stream?: string };

/**
 * `decide` answers the facts that follow from a command in a state, or throws `Rejected`; no facts means that there
 * was nothing to do, which makes a repeated command harmless. `evolve` folds one fact into the state.
 * Time, ids and whatever else must be known arrive inside the command.
 */
export type Decider<State, Command, Fact> = {
  readonly initial: State;
  readonly decide: (command: Command, state: State) => readonly Placed<Fact>[];
  readonly evolve: (state: State, fact: Fact) => State;
};

/** The state after these facts. */
export const fold = <State, Command, Fact>(
  decider: Decider<State, Command, Fact>,
  facts: readonly Fact[],
  from: State = decider.initial,
): State => facts.reduce(decider.evolve, from);

/** Ends a `switch` over a union: a forgotten case does not compile. */
export const unreachable = (value: never): never => {
  throw new Error(`No case handles ${JSON.stringify(value)}.`);
};
