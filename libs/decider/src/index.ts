export { type Decider, fold, type Placed, unreachable } from './decider.ts';
export { type Reason, Rejected } from './rejected.ts';
