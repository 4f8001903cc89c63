import { type Aggregate, aggregate, asIs } from '@molthub/service';
import { orphanCommands, orphanDecider, orphanEvents } from './decider.ts';

export const orphanAggregate: Aggregate = aggregate({
  category: 'orphan',
  commands: orphanCommands,
  events: orphanEvents,
  id: ({ data }) => data.botId,
  prepare: asIs,
  decider: orphanDecider,
});
