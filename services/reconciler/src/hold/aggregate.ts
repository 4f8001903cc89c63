import { type Aggregate, aggregate, asIs } from '@molthub/service';
import { holdCommands, holdDecider, holdEvents } from './decider.ts';

export const holdAggregate: Aggregate = aggregate({
  category: 'healing',
  commands: holdCommands,
  events: holdEvents,
  id: ({ data }) => data.fleetId,
  prepare: asIs,
  decider: holdDecider,
});
