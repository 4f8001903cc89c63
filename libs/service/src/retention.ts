// Keeps the outcomes of commands as long as somebody may ask again, and no longer.
import type { Log } from '@molthub/event-store';
import { pause } from './patience.ts';

const keptDays = 7;
const everyMs = 3_600_000;
const rowsPerDelete = 5_000;

export const runRetention = async (log: Log, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const gone = await log.reads(
      `delete from commands where command_id in (
         select command_id from commands where status <> 'PENDING' and received_at < clock_timestamp() - $1 * interval '1 day'
         order by received_at limit $2)
       returning command_id`,
      [keptDays, rowsPerDelete],
    );
    await pause(gone.length === rowsPerDelete ? 100 : everyMs, signal);
  }
};
