// Leases for every single-leader job, on the database's clock.
import type { Pool } from 'pg';
import { readsOn } from './pool.ts';

export type Lease = { readonly name: string; readonly holder: string; readonly epoch: bigint };

/** 10 s, renewed every 3 s: two renewals may fail before another holder takes over. */
export const leaseDurations = { lengthMs: 10_000, renewEveryMs: 3_000, tryEveryMs: 1_000 } as const;

export type Leases = {
  /**
   * Runs `lead` whenever this process holds the lease, with a signal that aborts when it is lost. What `lead` writes
   * must end in the lease's fence. Answers how to stop, which releases the lease at once.
   */
  readonly hold: (name: string, lead: (lease: Lease, signal: AbortSignal) => Promise<void>) => () => Promise<void>;
  readonly held: () => readonly string[];
  readonly stop: () => Promise<void>;
};

type Candidate = {
  readonly name: string;
  readonly lead: (lease: Lease, signal: AbortSignal) => Promise<void>;
  leading:
    | {
        readonly lease: Lease;
        readonly abort: AbortController;
        readonly done: Promise<void>;
        /** Until then nobody else can hold it; by this process's clock, from before the database was asked. */
        sureUntilMs: number;
      }
    | undefined;
};

/** Keeps all leases of one holder with one statement per round. */
export const createLeases = (
  pool: Pool,
  holder: string,
  onFault: (what: string, error: unknown) => void,
  durations: { readonly lengthMs: number; readonly renewEveryMs: number; readonly tryEveryMs: number } = leaseDurations,
): Leases => {
  const sql = readsOn(pool);
  const candidates = new Map<string, Candidate>();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let renewedAt = 0;
  let again = false;
  let wake: () => void = () => undefined;

  const begin = (candidate: Candidate, epoch: bigint, sureUntilMs: number) => {
    const abort = new AbortController();
    const lease = { name: candidate.name, holder, epoch };
    const done = (async () => {
      try {
        await candidate.lead(lease, abort.signal);
      } catch (error) {
        if (!abort.signal.aborted) onFault(`leader ${candidate.name}`, error);
      } finally {
        candidate.leading = undefined;
      }
    })();
    candidate.leading = { lease, abort, done, sureUntilMs };
  };

  const lose = (candidate: Candidate) => {
    candidate.leading?.abort.abort();
  };

  // Locked by name, as a transaction's fences are: in two orders the two would wait for each other.
  const renew = async () => {
    const leading = [...candidates.values()].flatMap((c) => (c.leading ? [c.leading.lease] : []));
    if (leading.length === 0) return;
    const sureUntilMs = performance.now() + durations.lengthMs;
    const kept = await sql<{ name: string }>(
      `with own as (
         select name from leases where holder = $1 and (name, epoch) in (select * from unnest($2::text[], $3::bigint[]))
         order by name for no key update)
       update leases set expires_at = clock_timestamp() + $4 * interval '1 millisecond'
       where name in (select name from own) returning name`,
      [holder, leading.map((l) => l.name), leading.map((l) => l.epoch.toString()), durations.lengthMs],
    );
    const names = new Set(kept.map((row) => row.name));
    for (const lease of leading) {
      const candidate = candidates.get(lease.name);
      if (!candidate?.leading) continue;
      if (names.has(lease.name)) candidate.leading.sureUntilMs = sureUntilMs;
      else lose(candidate);
    }
    renewedAt = Date.now();
  };

  const acquire = async () => {
    const wanting = [...candidates.values()].filter((c) => !c.leading);
    if (wanting.length === 0) return;
    const sureUntilMs = performance.now() + durations.lengthMs;
    const won = await sql<{ name: string; epoch: string }>(
      `insert into leases as l (name, holder, epoch, expires_at)
       select n, $1, 1, clock_timestamp() + $3 * interval '1 millisecond' from unnest($2::text[]) n order by n
       on conflict (name) do update set holder = excluded.holder, epoch = l.epoch + 1, expires_at = excluded.expires_at
         where l.expires_at < clock_timestamp() or l.holder = excluded.holder
       returning name, epoch::text`,
      [holder, wanting.map((c) => c.name), durations.lengthMs],
    );
    for (const row of won) {
      const candidate = candidates.get(row.name);
      if (candidate && !candidate.leading && !stopped) begin(candidate, BigInt(row.epoch), sureUntilMs);
    }
  };

  const once = async () => {
    try {
      if (Date.now() - renewedAt >= durations.renewEveryMs) await renew();
      await acquire();
    } catch (error) {
      onFault('leases', error);
    }
  };

  // Not renewed for a whole lease: somebody else may lead by now, so stop leading before they do harm to each other.
  // By a timer, since a database that does not answer at all ends no statement.
  const watch = setInterval(() => {
    for (const candidate of candidates.values()) {
      if (candidate.leading && performance.now() > candidate.leading.sureUntilMs) lose(candidate);
    }
  }, durations.tryEveryMs);

  const loop = async () => {
    while (!stopped) {
      again = false;
      await once();
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (again || stopped) resolve();
        else timer = setTimeout(resolve, durations.tryEveryMs);
      });
      clearTimeout(timer);
    }
  };
  const looping = loop();

  const soon = () => {
    again = true;
    wake();
  };

  const release = async (names: readonly string[]) => {
    const gone = names.flatMap((name) => candidates.get(name) ?? []);
    for (const candidate of gone) candidates.delete(candidate.name);
    for (const candidate of gone) candidate.leading?.abort.abort();
    const leases = gone.flatMap((c) => (c.leading ? [c.leading.lease] : []));
    await Promise.all(gone.map(async (c) => c.leading?.done));
    if (leases.length === 0) return;
    await sql(
      `update leases set expires_at = clock_timestamp() where holder = $1 and (name, epoch) in
         (select * from unnest($2::text[], $3::bigint[]))`,
      [holder, leases.map((l) => l.name), leases.map((l) => l.epoch.toString())],
    ).catch((error) => onFault('release of leases', error));
  };

  return {
    hold: (name, lead) => {
      candidates.set(name, { name, lead, leading: undefined });
      soon();
      return () => release([name]);
    },
    held: () => [...candidates.values()].flatMap((c) => (c.leading ? [c.name] : [])),
    stop: async () => {
      stopped = true;
      wake();
      await looping;
      clearInterval(watch);
      await release([...candidates.keys()]);
    },
  };
};
