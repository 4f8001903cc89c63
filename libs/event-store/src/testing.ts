// A log on a database of its own, and events to put into it: for tests of this library and of those above it.
import { randomUUID } from 'node:crypto';
import type { Recorded } from '@molthub/contracts';
import { type Log, openLog } from './log.ts';
import { migrate } from './migrate.ts';
import { createPool } from './pool.ts';
import type { Projection } from './projection.ts';
import type { NewEvent } from './unit.ts';

/** Migrates `schema` in the database behind `url` and opens its log; `close` ends the connections. */
export const openTestLog = async (
  url: string,
  options: {
    readonly schema?: string;
    readonly connectionsMax?: number;
    readonly projections?: readonly Projection[];
  } = {},
): Promise<{ log: Log; close: () => Promise<void> }> => {
  const schema = options.schema ?? 'thing';
  const errors: Error[] = [];
  const pool = createPool({
    url,
    plans: 'kept',
    schema,
    name: 'test',
    connectionsMax: options.connectionsMax ?? 4,
    onError: (error) => errors.push(error),
  });
  await migrate(pool, schema, []);
  const log = await openLog({ pool, schema, projections: options.projections ?? [] });
  return { log, close: () => pool.end() };
};

/** An event that nothing but its type and data tells from another. */
export const newEvent = (type: string, data: unknown = {}, id: string = randomUUID()): NewEvent => ({
  id,
  type,
  data,
  workspace: 'default',
  actor: { kind: 'service', id: 'test', name: 'test' },
  correlationId: id,
  causationId: null,
  time: new Date().toISOString(),
});

/** `<stream> <version>` of each event, which is how tests name them. */
export const named = (events: readonly Recorded[]): readonly string[] => events.map((e) => `${e.stream} ${e.version}`);
