// A read model of one's own events: written inside the append's transaction, rebuilt from the log into shadow tables.
import type { EventDefinition, FactOf, Recorded } from '@molthub/contracts';
import type { Rejected } from '@molthub/decider';
import type { Sql } from './sql.ts';

/**
 * `tables` is DDL without schema: it runs once per generation, in a schema of its own. `apply` gets the events of one
 * transaction in order, and writes the same rows whenever it is given the same events; it sends its statements without
 * waiting for the answer to one before the next, since the commit follows right behind them. `views` publishes tables in
 * `<service>_read`: view name → select over the tables. `rejects` turns a violated unique constraint into a refusal.
 */
export type Projection = {
  readonly name: string;
  /** Raise it when `tables` or `apply` change: the next start rebuilds. */
  readonly revision: number;
  readonly tables: string;
  readonly views: Readonly<Record<string, string>>;
  readonly types: ReadonlySet<string>;
  readonly apply: (events: readonly Recorded[], sql: Sql) => Promise<void>;
  readonly rejects?: Readonly<Record<string, () => Rejected>>;
};

/** One event type's part of a projection. */
export type Handler = { readonly type: string; readonly apply: (event: Recorded, sql: Sql) => Promise<unknown> };

/** What to do with one type of event. */
export const when = <E extends EventDefinition>(
  event: E,
  apply: (event: Recorded<FactOf<E>>, sql: Sql) => Promise<unknown>,
): Handler => {
  const isOwn = (recorded: Recorded): recorded is Recorded<FactOf<E>> => recorded.type === event.type;
  return { type: event.type, apply: async (recorded, sql) => (isOwn(recorded) ? apply(recorded, sql) : undefined) };
};

/** A projection made of one handler per event type; statements go out in order without waiting for each other. */
export const projection = (parts: {
  readonly name: string;
  readonly revision: number;
  readonly tables: string;
  readonly views: Readonly<Record<string, string>>;
  readonly handlers: readonly Handler[];
  readonly rejects?: Readonly<Record<string, () => Rejected>>;
}): Projection => {
  const handlers = new Map(parts.handlers.map((handler) => [handler.type, handler]));
  return {
    name: parts.name,
    revision: parts.revision,
    tables: parts.tables,
    views: parts.views,
    types: new Set(handlers.keys()),
    ...(parts.rejects ? { rejects: parts.rejects } : {}),
    apply: async (events, sql) => {
      await Promise.all(events.map(async (event) => handlers.get(event.type)?.apply(event, sql)));
    },
  };
};
