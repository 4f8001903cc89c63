// A binary heap: the least element, by a given order, first.

export type Heap<T> = {
  readonly push: (item: T) => void;
  readonly pop: () => T | undefined;
  readonly peek: () => T | undefined;
  readonly size: () => number;
};

export const createHeap = <T>(before: (a: T, b: T) => boolean): Heap<T> => {
  const items: T[] = [];
  const swapIfBefore = (child: number, parent: number): boolean => {
    const low = items[child];
    const high = items[parent];
    if (low === undefined || high === undefined || !before(low, high)) return false;
    items[child] = high;
    items[parent] = low;
    return true;
  };
  const rise = (from: number) => {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!swapIfBefore(at, parent)) return;
      at = parent;
    }
  };
  const sink = () => {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const leftItem = items[left];
      const rightItem = items[right];
      if (leftItem === undefined) return;
      const child = rightItem !== undefined && before(rightItem, leftItem) ? right : left;
      if (!swapIfBefore(child, at)) return;
      at = child;
    }
  };
  return {
    push: (item) => {
      items.push(item);
      rise(items.length - 1);
    },
    pop: () => {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0 && last !== undefined) {
        items[0] = last;
        sink();
      }
      return first;
    },
    peek: () => items[0],
    size: () => items.length,
  };
};
