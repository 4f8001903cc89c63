// What makes two items of a list the same one.
import { canonicalHash, isJsonObject } from '@molthub/manifest';
import { own } from './forms.ts';
import type { ListSemantics } from './lists.ts';

/** Equal JSON values have equal identities, whatever the order of their keys. */
export const identityOf = (value: unknown): string =>
  typeof value === 'string'
    ? `"${value}`
    : typeof value === 'object' && value !== null
      ? canonicalHash(value)
      : String(value);

/** Of an item of such a list: the value itself, or those of its keys. Items with keys were checked to have them. */
export const itemIdentity = (item: unknown, semantics: ListSemantics): string => {
  if (typeof semantics !== 'object' || !isJsonObject(item)) return identityOf(item);
  const [only] = semantics.keys;
  if (semantics.keys.length === 1 && only !== undefined) return identityOf(own(item, only));
  return JSON.stringify(semantics.keys.map((key) => own(item, key)));
};

/** The step of a path that leads to such an item, such as `[type=telegram]`; none for lists without keys. */
export const itemStep = (item: unknown, semantics: ListSemantics): string => {
  if (typeof semantics !== 'object' || !isJsonObject(item)) return '';
  return itemText(Object.fromEntries(semantics.keys.map((key) => [key, textOf(own(item, key))])));
};

/** The same of the keys themselves. */
export const itemText = (keys: Readonly<Record<string, string>>): string =>
  `[${Object.entries(keys)
    .map(([key, text]) => `${key}=${/^[^",[\]=]{1,64}$/.test(text) ? text : JSON.stringify(text.slice(0, 64))}`)
    .join(',')}]`;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
