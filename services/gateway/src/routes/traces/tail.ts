// The stream of traces: each one again whenever more of it has come, from now on.
import { HttpProblem, parsePart } from '@molthub/http';
import { z } from 'zod';
import type { Stream } from '../../live.ts';
import { plainRow } from '../../read-side.ts';
import { route, type Route } from '../../route.ts';
import { uuid } from '../shapes.ts';
import { fleetNow, fromTraces, SpanStatus, Trace, traceColumns, visible } from './trace-row.ts';

const Query = z.strictObject({
  botInstanceId: uuid.optional(),
  fleetId: uuid.optional().describe('Bots that are in this fleet now.'),
  status: SpanStatus.optional(),
  ticket: z.string().max(200).optional(),
});

const lookEveryMs = 500;
const atOnceMax = 500;
/** A transaction says when it began and is seen when it commits: so long the same time is looked at again. */
const overlapUs = 2_000_000;

const micros = (time: string) => `(extract(epoch from ${time}) * 1000000)::float8`;
const since = `(timestamptz 'epoch' + $3::float8 * interval '1 microsecond')`;
// Said twice: by the time alone an index of ranges of blocks leaves out what is older.
const changed = `select ${traceColumns}, ${micros('t.updated_at')} as us from ${fromTraces}
  where ${visible('t')} and t.updated_at >= ${since} and (t.updated_at, t.id) > (${since}, $4::uuid)
    and ($5::uuid is null or t.bot_id = $5)
    and ($6::uuid is null or ${fleetNow('t')} = $6) and ($7::text is null or t.status = $7)
  order by t.updated_at, t.id limit ${atOnceMax}`;

/** What of these rows has not been sent as it is now; forgets what is too old to be seen again. */
const createSeen = () => {
  const seen = new Map<string, number>();
  return {
    isNew: (id: string, at: number): boolean => {
      if ((seen.get(id) ?? 0) >= at) return false;
      seen.set(id, at);
      return true;
    },
    forgetBefore: (at: number) => {
      for (const [id, when] of seen) if (when < at) seen.delete(id);
    },
  };
};

const Place = z.object({ us: z.number(), id: z.guid() });
const firstId = '00000000-0000-0000-0000-000000000000';

export const traceTail: Stream = {
  path: '/traces/tail',
  permission: 'trace:read',
  reach: 'filtered',
  open: ({ world: { views } }, given, { workspace, fleetIds }) => {
    const query = parsePart(Query, 'query', given);
    const scope = [workspace, fleetIds.length > 0 ? [...fleetIds] : null];
    const filters = [query.botInstanceId ?? null, query.fleetId ?? null, query.status ?? null];
    return async (pipe) => {
      const seen = createSeen();
      const [clock] = await views(`select ${micros('now()')} as us, '${firstId}' as id`);
      const began = Place.parse(clock).us;
      let reached = began;
      while (pipe.isOpen()) {
        const later = pipe.pause(lookEveryMs);
        let place = { us: Math.max(began, reached - overlapUs), id: firstId };
        for (let more = true; more; ) {
          const rows = await views(changed, [...scope, place.us, place.id, ...filters]);
          for (const row of rows) {
            place = Place.parse(row);
            if (!seen.isNew(place.id, place.us)) continue;
            const { us: _, ...trace } = plainRow(row);
            if (!(await pipe.send({ trace }, 'connect again; what came meanwhile is in GET /traces'))) return;
          }
          more = rows.length === atOnceMax;
        }
        reached = Math.max(reached, place.us);
        seen.forgetBefore(reached - 2 * overlapUs);
        await later;
      }
    };
  },
};

/** The tail's row: served as a WebSocket, listed with all the others. */
export const tailRoute: Route = route({
  method: 'GET',
  path: traceTail.path,
  permission: 'trace:read',
  reach: 'filtered',
  summary: 'A WebSocket of traces: frames { trace }, again whenever more has come. Slow clients are told and cut.',
  query: Query,
  status: 101,
  answer: z.object({ trace: Trace }),
  run: async () => {
    throw new HttpProblem({ status: 426, code: 'gateway.upgrade-required', detail: 'Connect as a WebSocket.' });
  },
});
