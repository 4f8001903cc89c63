// Shapes that several answers and filters share.
import { z } from 'zod';

export const time = z.iso.datetime({ offset: true });
/** A filter's value. */
export const text = z.string().min(1).max(200);
export const uuid = z.uuid();

export const expected = (version: number | undefined) => (version === undefined ? {} : { expectedVersion: version });
