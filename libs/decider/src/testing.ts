// given(…facts).when(command).then(…facts): how the rules of a decider are told in tests.
import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict';
import { type Decider, fold, type Placed } from './decider.ts';
import { Rejected } from './rejected.ts';

/** Binds the three words to one decider. */
export const specification = <State, Command, Fact>(decider: Decider<State, Command, Fact>) => ({
  given: (...facts: readonly Fact[]) => ({
    when: (command: Command) => {
      const state = fold(decider, facts);
      return {
        then: (...expected: readonly Placed<Fact>[]) =>
          deepStrictEqual([...decider.decide(command, state)], [...expected]),
        thenTypes: (...expected: readonly string[]) =>
          deepStrictEqual(
            decider.decide(command, state).map((fact) => typeOf(fact)),
            [...expected],
          ),
        thenNothing: () => deepStrictEqual([...decider.decide(command, state)], []),
        rejects: (code: string) =>
          throws(
            () => decider.decide(command, state),
            (error) => {
              if (!(error instanceof Rejected)) throw error;
              strictEqual(error.code, code);
              return true;
            },
          ),
      };
    },
    state: () => fold(decider, facts),
  }),
});

const typeOf = (fact: unknown): string =>
  typeof fact === 'object' && fact !== null && 'type' in fact ? String(fact.type) : String(fact);
