import { HttpProblem } from '@molthub/http';
import { z } from 'zod';
import { CloudEvent } from '../cloud-event.ts';
import { EventStreamQuery, eventStream } from '../event-stream.ts';
import { FeedCursor, readFeed, typesPattern } from '../feed.ts';
import { route, type Route } from '../route.ts';
import type { Tickets } from '../tickets.ts';
import { time } from './shapes.ts';

const Item = z.object({ cursor: z.string(), event: CloudEvent });

export const eventRoutes = (tickets: () => Tickets): readonly Route[] => [
  route({
    method: 'GET',
    path: '/events',
    permission: 'event:read',
    reach: 'workspace',
    summary:
      'Answers events after a cursor, in the order of the feed; types filters, such as rollout.>,reconciler.drift.>',
    query: z.strictObject({
      types: z.string().max(2_000).optional(),
      after: FeedCursor.optional(),
      limit: z
        .string()
        .regex(/^\d{1,3}$/)
        .refine((limit) => Number(limit) >= 1 && Number(limit) <= 500, '1 to 500')
        .default('50'),
    }),
    answer: z.object({
      items: z.array(Item),
      nextCursor: z.string().describe('Send it as after; it moves on even where the filter left everything out.'),
      more: z.boolean(),
    }),
    run: async (call, { query }) => {
      const { items, next, more } = await readFeed(call.world.runtime.reads, {
        workspace: call.workspace,
        after: query.after,
        pattern: typesPattern(query.types),
        limit: Number(query.limit),
      });
      return { status: 200, body: { items, nextCursor: next, more } };
    },
  }),
  route({
    method: 'POST',
    path: '/events/tickets',
    permission: 'event:read',
    reach: 'workspace',
    summary: 'Makes a ticket with which a browser opens the stream: good once, for 30 s, from the origin that asked.',
    status: 201,
    answer: z.object({ ticket: z.string(), expiresAt: time }),
    secretAnswer: true,
    run: async (call) => ({ status: 201, body: await tickets().issue(call.principal, call.origin) }),
  }),
];

/** The stream's row: served as a WebSocket, listed with all the others. */
export const streamRoute: Route = route({
  method: 'GET',
  path: eventStream.path,
  permission: 'event:read',
  reach: 'workspace',
  summary: 'A WebSocket of events: frames { cursor, event }. Resumes after a cursor; slow clients are told and cut.',
  query: EventStreamQuery,
  status: 101,
  answer: Item,
  run: async () => {
    throw new HttpProblem({ status: 426, code: 'gateway.upgrade-required', detail: 'Connect as a WebSocket.' });
  },
});
