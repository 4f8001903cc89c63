// Cursors of lists: opaque, signed, and good only for the list they were made for.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { HttpProblem } from './problem.ts';

export type Cursors = {
  /** `binding` says which list: route, workspace, sort and filters. `place` is the last item's sort values. */
  readonly issue: (binding: string, place: readonly string[]) => string;
  /** The place of a cursor. Throws 400 for one that was edited, or made for another list. */
  readonly read: (binding: string, cursor: string) => readonly string[];
};

const lengthMax = 4_096;

/** Signs with HMAC-SHA-256; replicas share the key. */
export const createCursors = (key: Buffer): Cursors => {
  const signature = (binding: string, payload: string) =>
    createHmac('sha256', key).update(`${binding.length}:${binding}${payload}`).digest().subarray(0, 16);
  return {
    issue: (binding, place) => {
      const payload = Buffer.from(JSON.stringify(place)).toString('base64url');
      return `${payload}.${signature(binding, payload).toString('base64url')}`;
    },
    read: (binding, cursor) => {
      const [payload, signed, ...rest] = cursor.length > lengthMax ? [] : cursor.split('.');
      if (payload === undefined || signed === undefined || rest.length > 0) throw invalid();
      const given = Buffer.from(signed, 'base64url');
      const right = signature(binding, payload);
      if (given.length !== right.length || !timingSafeEqual(given, right)) throw invalid();
      return placeOf(payload);
    },
  };
};

const placeOf = (payload: string): readonly string[] => {
  const place: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  if (!Array.isArray(place) || !place.every((value) => typeof value === 'string')) throw invalid();
  return place;
};

const invalid = () =>
  new HttpProblem({
    status: 400,
    code: 'gateway.invalid-cursor',
    detail: 'The cursor is not one of this list; take nextCursor unchanged, with the same sort and filters.',
    errors: [{ path: 'cursor', code: 'invalid-cursor', message: 'not a cursor of this list' }],
  });
