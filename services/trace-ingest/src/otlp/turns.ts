// How long work keeps its thread's loop from anything else: for tests.

/** More in one turn would be felt by whoever else waits for an answer. */
export const turnMsMax = 50;
const triesMax = 3;

/**
 * The processor's time of the longest turn while `work` runs, in milliseconds: where another program has the processor
 * nobody is held up by us. Of up to three runs the one with the shortest: collecting what was left by tests before takes a
 * turn of its own, but not each time.
 */
export const longestTurnMs = async (work: () => Promise<unknown>): Promise<number> => {
  let shortestMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < triesMax && shortestMs >= turnMsMax; tries += 1) {
    shortestMs = Math.min(shortestMs, await longestOf(work));
  }
  return shortestMs;
};

const longestOf = async (work: () => Promise<unknown>): Promise<number> => {
  let longestMs = 0;
  let before = process.threadCpuUsage();
  let isWatching = true;
  const look = () => {
    const { user, system } = process.threadCpuUsage(before);
    longestMs = Math.max(longestMs, (user + system) / 1_000);
    before = process.threadCpuUsage();
    if (isWatching) setImmediate(look);
  };
  look();
  try {
    await work();
  } finally {
    isWatching = false;
  }
  look();
  return longestMs;
};
