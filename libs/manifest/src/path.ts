// Paths as a user would write them: `spec.config.agents[0].model`.

export type PathPart = string | number;

/** A path longer than this is cut, so that a hostile key cannot make an answer large. */
const pathLengthMax = 300;
const plain = /^[A-Za-z0-9_$-]{1,128}$/;

/** The path of a child: `.name` for keys, `[3]` for list items, `["a.b"]` for keys that a dot would not name. */
export const childPath = (parent: string, part: PathPart): string => {
  if (parent.length >= pathLengthMax) return parent;
  const name =
    typeof part === 'number' ? `[${part}]` : plain.test(part) ? part : `[${JSON.stringify(part.slice(0, 64))}]`;
  const joined = parent === '' || name.startsWith('[') ? parent + name : `${parent}.${name}`;
  return joined.length > pathLengthMax ? `${joined.slice(0, pathLengthMax - 1)}…` : joined;
};
