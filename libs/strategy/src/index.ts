export {
  checkPace,
  progressDeadlineSeconds,
  settleHealth,
  settleStrategy,
  settleTraces,
  shareOf,
  strategyProblems,
} from './settle-strategy.ts';
export { windowAt, type WindowState } from './windows.ts';
