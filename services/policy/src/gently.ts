// Long work in parts, so that it never holds the event loop: what is pure stops between its parts, and here is what goes
// on with it.
import { setImmediate } from 'node:timers/promises';

/** Well below the 50 ms that nothing may hold the event loop; one part takes a few more. */
const sliceMs = 10;

/** Runs to the end, and lets others run in between. */
export const gently = async <Result>(work: Generator<void, Result>): Promise<Result> => {
  let began = performance.now();
  for (let step = work.next(); ; step = work.next()) {
    if (step.done === true) return step.value;
    if (performance.now() - began < sliceMs) continue;
    await setImmediate();
    began = performance.now();
  }
};

/** Runs to the end at once. */
export const atOnce = <Result>(work: Generator<void, Result>): Result => {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
};
