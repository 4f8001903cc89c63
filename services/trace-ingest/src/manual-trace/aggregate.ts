import { EndTrace, OpenTrace, TraceEnded, TraceOpened } from '@molthub/contracts';
import { derivedId } from '@molthub/identity';
import { type Aggregate, aggregate } from '@molthub/service';
import { manualTraceDecider } from './decider.ts';
import { prepareManualTrace } from './prepare.ts';

export const manualTraceAggregate: Aggregate = aggregate({
  category: 'manual-trace',
  commands: [OpenTrace, EndTrace],
  events: [TraceOpened, TraceEnded],
  id: ({ data }) => derivedId(data.botId, data.traceId),
  prepare: prepareManualTrace,
  decider: manualTraceDecider,
});
