// A place in a manifest. A large one has tens of thousands, of which nearly none is ever named: a place only knows what
// is above it, and its path is written when somebody asks for it.
import { childPath, type PathPart } from '@molthub/manifest';

export type Place = {
  /** Null where looking began; then `part` is the path of that. */
  readonly above: Place | null;
  readonly part: PathPart;
  /** The names on the way, without list indexes. */
  readonly keys: readonly string[];
  readonly value: unknown;
};

export const placeAt = (path: string, value: unknown, keys: readonly string[] = []): Place => ({
  above: null,
  part: path,
  keys,
  value,
});

export const placeBelow = (above: Place, part: PathPart, value: unknown): Place => ({
  above,
  part,
  keys: typeof part === 'string' ? [...above.keys, part] : above.keys,
  value,
});

export const pathOf = ({ above, part }: Place): string =>
  above === null ? String(part) : childPath(pathOf(above), part);
