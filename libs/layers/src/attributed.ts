// A value together with where each part of it is from.
import type { JsonObject } from '@molthub/manifest';

/** The index of the one layer that all of a value is from, or the origins of its parts. */
export type Origin = number | OriginOfKeys | readonly Origin[];
export type OriginOfKeys = { readonly [name: string]: Origin };

/** `value` is `undefined` where nothing stands; its origin then says nothing. */
export type Attributed = { readonly value: unknown; readonly origin: Origin };

/** Of nobody that is known. */
export const unknownOrigin: Origin = [];

/** Origins of items that are all of one layer are that layer's. */
export const joinedOrigin = (origins: readonly Origin[]): Origin => {
  const [first] = origins;
  return typeof first === 'number' && origins.every((origin) => origin === first) ? first : origins;
};

const isOfItems = (origin: Origin): origin is readonly Origin[] => Array.isArray(origin);

/** The origins of an object's keys, to be written on: those that are there already where they are `owned`. */
export const originsOfKeys = (value: JsonObject, origin: Origin, isOwned: boolean): Record<string, Origin> => {
  if (typeof origin === 'object' && !isOfItems(origin)) return isOwned ? origin : { ...origin };
  const origins: Record<string, Origin> = {};
  if (typeof origin === 'number') for (const name of Object.keys(value)) origins[name] = origin;
  return origins;
};

export const originOfKey = (origin: Origin, name: string): Origin =>
  typeof origin === 'number' || isOfItems(origin)
    ? origin
    : Object.hasOwn(origin, name)
      ? (origin[name] ?? unknownOrigin)
      : unknownOrigin;

export const originOfItem = (origin: Origin, index: number): Origin =>
  isOfItems(origin) ? (origin[index] ?? unknownOrigin) : origin;
