// The stream of events: reads the feed from the client's cursor, as fast as the client takes it.
import { parsePart } from '@molthub/http';
import { z } from 'zod';
import { FeedCursor, feedHead, onFeedGrown, readFeed, typesPattern } from './feed.ts';
import type { Stream } from './live.ts';
import type { Pipe } from './live-session.ts';

/** What the stream takes in its query. */
export const EventStreamQuery = z.strictObject({
  types: z.string().max(2_000).optional(),
  after: FeedCursor.optional(),
  ticket: z.string().max(200).optional(),
});

const pageMax = 200;
const lookEveryMs = 1_000;

export const eventStream: Stream = {
  path: '/events/stream',
  permission: 'event:read',
  reach: 'workspace',
  open: ({ world: { runtime } }, query, { workspace }) => {
    const { after, types } = parsePart(EventStreamQuery, 'query', query);
    const pattern = typesPattern(types);
    /** Pulls: nothing is read for a client before it has taken what was sent, so nothing piles up. */
    const run = async (pipe: Pipe) => {
      let cursor = after ?? (await feedHead(runtime.reads));
      while (pipe.isOpen()) {
        const growing = pipe.pause(lookEveryMs);
        const page = await readFeed(runtime.reads, { workspace, after: cursor, pattern, limit: pageMax });
        for (const item of page.items) {
          if (!(await pipe.send(item, `go on with after=${cursor}`))) return;
          cursor = item.cursor;
        }
        cursor = page.next;
        if (page.more) pipe.wake();
        await growing;
      }
    };
    return async (pipe) => {
      const forget = onFeedGrown(pipe.wake);
      await run(pipe).finally(forget);
    };
  },
};
