import { PublishSimulatorKey, SimulatorKeyPublished } from '@molthub/contracts';
import { type Aggregate, aggregate, asIs } from '@molthub/service';
import { simulatorDecider } from './decider.ts';

export const simulatorAggregate: Aggregate = aggregate({
  category: 'simulator',
  commands: [PublishSimulatorKey],
  events: [SimulatorKeyPublished],
  id: () => 'keys',
  prepare: asIs,
  decider: simulatorDecider,
});
