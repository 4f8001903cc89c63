// Work is counted, never timed, so that the same layers resolve, or do not, on every machine.
import { layerLimits } from './layer.ts';

/** Resolving took more steps than it may. */
export class TooMuchWork extends Error {
  constructor() {
    super(`Resolving these layers takes more than ${layerLimits.stepsMax} steps.`);
    this.name = 'TooMuchWork';
  }
}

/** Counts steps: a key or an item that is looked at, copied or compared is one. Throws `TooMuchWork`. */
export type Count = (steps: number) => void;

export const counting = (): Count => {
  let left: number = layerLimits.stepsMax;
  return (steps) => {
    left -= steps;
    if (left < 0) throw new TooMuchWork();
  };
};
