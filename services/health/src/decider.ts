// One bot's health: a change is a fact, and the first reading of each configuration; identical readings are none.
import { BotHealthChanged, type CommandOf, type FactOf, type HealthStatus, type ReportProbe } from '@molthub/contracts';
import type { Decider } from '@molthub/decider';

/** What was last told, and of which configuration. */
export type BotHealth = { readonly status: HealthStatus; readonly hash: string | null };

export const botHealth: Decider<BotHealth, CommandOf<typeof ReportProbe>, FactOf<typeof BotHealthChanged>> = {
  initial: { status: 'UNKNOWN', hash: null },
  decide: ({ data: { status, ...reading } }, told) => {
    // Not to know how a bot is says nothing about its configuration.
    const isOfAnother = status !== 'UNKNOWN' && reading.hash !== null && reading.hash !== told.hash;
    return status === told.status && !isOfAnother
      ? []
      : [{ type: BotHealthChanged.type, data: { ...reading, from: told.status, to: status } }];
  },
  evolve: (_, { data }) => ({ status: data.to, hash: data.hash }),
};
