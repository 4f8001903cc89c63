// audit: the tamper-evident record of everything that happened and everything that was refused.
import { projection } from '@molthub/event-store';
import type { ServiceDefinition } from '@molthub/service';
import { listeners, migrations } from './record.ts';

/** The record is kept by a listener and never rebuilt: this only publishes it. */
const entries = projection({
  name: 'entries',
  revision: 1,
  tables: '',
  views: {
    entries: `select workspace, sequence, id, time, actor, action, outcome, resource_type, resource_id, diff,
      correlation_id, causation_id, event_id, source, encode(hash, 'hex') as hash from entries`,
  },
  handlers: [],
});

export const audit = (): ServiceDefinition => ({
  name: 'audit',
  migrations,
  aggregates: [],
  projections: [entries],
  reactions: [],
  listeners: listeners(),
  queries: [],
  jobs: [],
  gatherMs: 100,
});
