// One bot's health: only a change is a fact, identical readings are none.
import { BotHealthChanged, type CommandOf, type FactOf, type HealthStatus, type ReportProbe } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';

/** The last status that was told. */
export type BotHealth = { readonly status: HealthStatus };

export const botHealth: Decider<BotHealth, CommandOf<typeof ReportProbe>, FactOf<typeof BotHealthChanged>> = {
  initial: { status: 'UNKNOWN' },
  decide: ({ data: { status, ...reading } }, state) =>
    status === state.status
      ? []
      : [{ type: BotHealthChanged.type, data: { ...reading, from: state.status, to: status } }],
  evolve: (_, fact) => ({ status: fact.data.to }),
};
