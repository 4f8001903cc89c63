// The order of the log under concurrent transactions with rollbacks, a million events: nothing skipped, nothing inverted.
import { runOrder } from '@molthub/event-store/order-harness';
import { type Figure, measured } from './measured.ts';
import { withServers } from './servers.ts';

const events = 1_000_000;

export const orderMillion: Figure = {
  name: 'order-million',
  about: 'a million events by 12 writers, followed by 2 readers: skipped and inverted events (must be 0)',
  measure: (report) =>
    withServers(async ({ urls }) => {
      const seed = Date.now() % 1_000_000;
      const url = urls.databaseUrl;
      const found = await runOrder({ url, schema: 'bench', events, writers: 12, readers: 2, streams: 24, seed });
      const { firstTx, lastTx, ...context } = found;
      const wrong = found.skipped + found.inverted + found.repeated + found.broken;
      report(
        measured('order of a million events: violations', 'events', [wrong], {
          ...context,
          seed,
          firstTx: String(firstTx),
          lastTx: String(lastTx),
        }),
      );
      if (wrong > 0) throw new Error('The order of the log is broken.');
    }),
};
