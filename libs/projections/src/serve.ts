// At start every read model is there and of this program's revision, or is built from the log first.
import { inTransaction, type Log, type Projection } from '@molthub/event-store';
import { rebuild } from './rebuild.ts';

/** Makes or rebuilds what is missing or of another revision. Replicas that start together do it one after the other. */
export const serveProjections = async (
  log: Log,
  projections: readonly Projection[],
  onRebuild: (name: string) => void,
): Promise<void> => {
  await inTransaction(log.pool, async (sql) => {
    // This transaction only holds the lock and writes nothing, so it may wait for a long rebuild.
    await sql('set local idle_in_transaction_session_timeout = 0');
    await sql('select pg_advisory_xact_lock(hashtextextended($1, 3))', [log.schema]);
    const rows = await sql<{ name: string; revision: number; generation: number }>(
      'select name, revision, generation from projections',
    );
    for (const projection of projections) {
      const row = rows.find((r) => r.name === projection.name);
      if (row && row.generation > 0 && row.revision === projection.revision) continue;
      if (row && row.revision > projection.revision) {
        throw new Error(
          `The read model ${projection.name} was built by a newer Molthub (revision ${row.revision}); start that version.`,
        );
      }
      onRebuild(projection.name);
      await rebuild(log, projection, { signal: new AbortController().signal });
    }
  });
};
