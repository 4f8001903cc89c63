// Where two JSON values differ, field by field.

export type Difference = { readonly path: string; readonly from: unknown; readonly to: unknown };

/**
 * The paths at which `to` differs from `from`, in the order they stand there. Objects are compared by key in any
 * order, lists as a whole when their lengths differ. A missing value is `undefined`.
 */
export const differences = (from: unknown, to: unknown, path = ''): Difference[] => {
  if (isObject(from) && isObject(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return keys.flatMap((key) => differences(from[key], to[key], path === '' ? key : `${path}.${key}`));
  }
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    return from.flatMap((part, index) => differences(part, to[index], `${path}[${index}]`));
  }
  if (Array.isArray(from) && Array.isArray(to)) return [{ path, from, to }];
  return Object.is(from, to) ? [] : [{ path, from, to }];
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
