// In-process group commit: everything that waits goes as one transaction, and each caller gets its own result.
import { isUnavailable, violatedConstraint } from './fault.ts';
import { type Flushed, type FlushSettings, flush } from './flush.ts';
import type { Projection } from './projection.ts';
import type { Committed, Unit } from './unit.ts';

type Waiting = {
  readonly unit: Unit;
  readonly resolve: (result: Committed) => void;
  readonly reject: (reason: unknown) => void;
};

/** At most this many units share a transaction, which keeps write transactions far below 100 ms. */
const unitsPerFlushMax = 256;

export type GroupCommit = {
  readonly commit: (unit: Unit) => Promise<Committed>;
  /** Resolves when nothing waits any more. */
  readonly idle: () => Promise<void>;
};

/**
 * One transaction at a time; what arrives meanwhile shares the next. Units that touch the same stream never share one,
 * in order. If a shared transaction fails for a reason of one unit, each is tried alone, so that only that one fails.
 */
export const createGroupCommit = (settings: FlushSettings, flushed: (flushed: Flushed) => void): GroupCommit => {
  let waiting: Waiting[] = [];
  let running = false;
  let idlers: (() => void)[] = [];

  const attempt = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const done = await flush(
        settings,
        batch.map((w) => w.unit),
      );
      tell(batch, done);
    } catch (error) {
      if (batch.length === 1 || isUnavailable(error)) {
        for (const w of batch) w.reject(refusalOf(settings.projections, error));
        return;
      }
      for (const w of batch) await attempt([w]);
    }
  };

  /** Throws nothing: what is committed must not be tried again, even if a listener to it fails. */
  const tell = (batch: readonly Waiting[], done: Flushed) => {
    try {
      flushed(done);
    } catch (error) {
      for (const w of batch) w.reject(new Error('What follows a commit failed.', { cause: error }));
      return;
    }
    batch.forEach((w, index) => {
      const result = done.results[index];
      if (result) w.resolve(result);
      else w.reject(new Error('A flush answered fewer results than it was given units.'));
    });
  };

  const run = async () => {
    running = true;
    while (waiting.length > 0) {
      const [batch, later] = disjoint(waiting);
      waiting = later;
      await attempt(batch);
    }
    running = false;
    for (const wake of idlers.splice(0)) wake();
  };

  return {
    commit: (unit) =>
      new Promise((resolve, reject) => {
        waiting.push({ unit, resolve, reject });
        // At the end of this turn of the event loop, so that all that is asked for in it shares the transaction.
        if (!running) {
          running = true;
          setImmediate(() => void run());
        }
      }),
    idle: () => (running ? new Promise((resolve) => idlers.push(resolve)) : Promise.resolve()),
  };
};

/** The longest set of units, oldest first, of which no two write the same stream or check one that another writes. */
const disjoint = (waiting: readonly Waiting[]): [Waiting[], Waiting[]] => {
  const written = new Set<string>();
  const checked = new Set<string>();
  const batch: Waiting[] = [];
  const later: Waiting[] = [];
  for (const w of waiting) {
    const free =
      batch.length < unitsPerFlushMax &&
      w.unit.streams.every(
        ({ stream, events }) => !written.has(stream) && (events.length === 0 || !checked.has(stream)),
      );
    (free ? batch : later).push(w);
    // A unit that has to wait keeps its streams, so that none behind it overtakes it.
    for (const { stream, events } of w.unit.streams) (events.length > 0 ? written : checked).add(stream);
  }
  return [batch, later];
};

const refusalOf = (projections: readonly Projection[], error: unknown): unknown => {
  const constraint = violatedConstraint(error);
  if (!constraint) return error;
  for (const { rejects } of projections) {
    const rejected = rejects?.[constraint];
    if (rejected) return rejected();
  }
  return new Error(`A read model refused the row of an event (${constraint}).`, { cause: error });
};
