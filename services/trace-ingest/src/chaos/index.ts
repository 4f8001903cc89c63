export { problemsOf } from './check.ts';
export { openTrace, type OpenTrace } from './open-trace.ts';
export { type Load, type Sent, sendAll } from './senders.ts';
export { sweep } from '../sweep.ts';
