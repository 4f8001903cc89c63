// Ids: new ones sort by time, derived ones are the same for the same cause, so that a repeat is recognised.
import { v5, v7 } from 'uuid';

const namespace = 'a3f1c1f6-53b5-5b60-9a53-0d0c8f5d2b41';

/** An id for what is new in the world. UUIDv7. */
export const newId = (): string => v7();

/** The id that follows from another id and a name: equal inputs, equal id, in every process. UUIDv5. */
export const derivedId = (parent: string, name: string): string => v5(`${parent}\u0000${name}`, namespace);
