// When a reading is believed, and when to ask again.
import type { HealthStatus } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';

export type Reading = {
  /** UNKNOWN: the prober itself could not ask, which says nothing about the bot. */
  readonly status: HealthStatus;
  readonly latencyMs: number | null;
  readonly detail: string;
};

/** A reading and the configuration that the bot was on; null where that is not known. */
export type ReadingOf = Reading & { readonly hash: string | null };

/** What was last told about a bot and of which configuration, and what speaks against it since. */
export type Standing = {
  readonly status: HealthStatus;
  readonly hash: string | null;
  readonly failures: number;
  readonly unknowns: number;
};

export type Judgement = Standing & {
  /** Whether `status` is to be told. */
  readonly tell: boolean;
  readonly againMs: number;
};

/** A prober that could not ask tries this often before it takes back what it said. */
export const unknownsMax = 3;
export const confirmMs = 1_500;
/** A bot that is not well is looked at more often, so that its recovery shows soon. */
export const unwellMs = 5_000;

/** How often a bot that is well is asked, and which bad answer in a row is believed. */
export type Patience = { readonly intervalMs: number; readonly failuresMax: number };

/** A status is told when it changes, and once of each configuration: who rolls one out waits for its first reading. */
export const judge = (standing: Standing, reading: ReadingOf, { intervalMs, failuresMax }: Patience): Judgement => {
  const { status } = standing;
  const as = (
    told: HealthStatus,
    failures: number,
    unknowns: number,
    againMs: number,
    isOfAnother = reading.hash !== null && reading.hash !== standing.hash,
  ): Judgement => {
    const tell = told !== status || isOfAnother;
    const hash = tell ? reading.hash : standing.hash;
    return { status: told, hash, failures, unknowns, tell, againMs: Math.min(againMs, intervalMs) };
  };
  /** Nothing is concluded yet. */
  const waiting = (failures: number, unknowns: number) => as(status, failures, unknowns, confirmMs, false);
  switch (reading.status) {
    case 'HEALTHY':
      return as('HEALTHY', 0, 0, intervalMs);
    case 'DEGRADED':
      return as('DEGRADED', 0, 0, unwellMs);
    case 'UNHEALTHY': {
      const failures = standing.failures + 1;
      return failures < failuresMax ? waiting(failures, 0) : as('UNHEALTHY', failures, 0, unwellMs);
    }
    case 'UNKNOWN': {
      const unknowns = standing.unknowns + 1;
      return unknowns < unknownsMax
        ? waiting(standing.failures, unknowns)
        : as('UNKNOWN', standing.failures, unknowns, unwellMs, false);
    }
    default:
      return unreachable(reading.status);
  }
};
