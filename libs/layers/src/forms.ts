// What a patch can say that plain JSON cannot: exactly this value, not this item, this item anew.
import { isJsonObject, type JsonObject } from '@molthub/manifest';

/** `{ "$value": x }` in place of a value is exactly x: nothing in it deletes, and nothing inherited is kept. */
export const valueForm = '$value';
/** `{ "$delete": x }` takes x out of a set; beside its keys, `"$delete": true` takes an item out of a list with keys. */
export const deleteForm = '$delete';
/** Beside its keys, `"$replace": true` lets an item stand alone instead of changing the inherited one. */
export const replaceForm = '$replace';

export const isForm = (name: string): boolean => name === valueForm || name === deleteForm || name === replaceForm;

export const isExactly = (patch: JsonObject): boolean => Object.hasOwn(patch, valueForm);

/** A patch that is merged key by key; every other value stands as it is. */
export const isMerging = (patch: unknown): patch is JsonObject => isJsonObject(patch) && !isExactly(patch);

export const own = (object: JsonObject, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined;
