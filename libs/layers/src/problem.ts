// A refusal of layers: what every refusal says, and which layers said what. No secret is repeated.
import type { Problem } from '@molthub/contracts';
import { childPath, isJsonObject, masked } from '@molthub/manifest';
import type { LayerRef } from './layer.ts';

export type LayerProblem = Problem & {
  /** The layers it is about, the one that stands first. */
  readonly layers: readonly LayerRef[];
  /** What each of them says there; `undefined` for nothing. Secret-looking values are hidden, long ones are cut. */
  readonly values: readonly unknown[];
};

export const layerProblem = (
  problem: Problem & { readonly layers: readonly LayerRef[] } & { readonly values?: readonly unknown[] },
): LayerProblem => ({
  ...problem,
  values: problem.values ?? [],
});

const shownCharactersMax = 300;

/** A value as others may read it, by the name of what it is the value of. A large one is told by its size. */
export const shown = (value: unknown, name: string): unknown => {
  if (isLong(value)) return sizeOf(value);
  const safe = masked(value, name);
  const text = JSON.stringify(safe);
  return text !== undefined && text.length > shownCharactersMax ? sizeOf(safe) : safe;
};

/** Whether there is no need to write a value out to know that it is too long to show. */
const isLong = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  return (Array.isArray(value) ? value.length : Object.keys(value).length) * 2 > shownCharactersMax;
};

const sizeOf = (value: unknown): string => {
  if (typeof value === 'string') return `${value.slice(0, shownCharactersMax)}…`;
  if (Array.isArray(value)) return `[a list of ${value.length} items]`;
  return `{an object of ${isJsonObject(value) ? Object.keys(value).length : 0} fields}`;
};

/** The same in a sentence. */
export const inWords = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'string' ? `"${value}"` : JSON.stringify(value).slice(0, 120);

export const pathOfParts = (names: readonly (string | number)[]): string => names.reduce<string>(childPath, '');
