// Many small requests at a time, but not all of them.

/**
 * Runs `work` for every item, at most `limit` at once; results in the items' order. The first failure is thrown, and
 * nothing is begun after it.
 */
export const concurrently = async <Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: { readonly index: number; readonly result: Result }[] = [];
  // All lanes draw from one iterator, so each item is taken once; a lane that fails ends it for all.
  const queue = items.entries();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let taken = queue.next(); !taken.done && !failed; taken = queue.next()) {
      const [index, item] = taken.value;
      try {
        results.push({ index, result: await work(item) });
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results.sort((a, b) => a.index - b.index).map(({ result }) => result);
};
