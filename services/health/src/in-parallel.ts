/** At most `max` at the same time. */
export const inParallel = async <T>(
  items: readonly T[],
  max: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(max, queue.length) }, worker));
};
