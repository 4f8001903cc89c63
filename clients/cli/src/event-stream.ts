// The gateway's event stream over a WebSocket: every event once and in order, across disconnects.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { CliError } from './cli-error.ts';
import { clientOf } from './client.ts';
import type { Connection } from './connection.ts';
import { isFinal, jsonOf, openSocket } from './socket.ts';

export const Frame = z.looseObject({
  cursor: z.string(),
  event: z.looseObject({
    id: z.string(),
    type: z.string(),
    time: z.string(),
    subject: z.string().default(''),
    data: z.unknown(),
  }),
});
export type Frame = z.infer<typeof Frame>;

export type Listening = {
  readonly connection: Connection;
  readonly types?: string | undefined;
  readonly after?: string | undefined;
  readonly onFrame: (frame: Frame) => void;
  /** Told when the stream breaks and when it is open again, and whatever the server says beside events. */
  readonly onNotice: (message: string) => void;
  readonly signal: AbortSignal;
};

const backOffMsMax = 10_000;
/** Until the signal says stop. Throws where the first connection fails, or the server refuses for good. */
export const listen = async (listening: Listening): Promise<void> => {
  // Known before the first event, so that nothing is lost of what happens while a connection is away.
  let cursor = listening.after ?? (await feedHead(listening));
  let everOpen = false;
  let failures = 0;
  let told = '';
  while (!listening.signal.aborted) {
    let isOpen = false;
    const ended = await once({
      ...listening,
      after: cursor,
      onOpen: () => {
        if (everOpen) listening.onNotice('connected again');
        everOpen = true;
        isOpen = true;
        failures = 0;
        told = '';
      },
      onFrame: (frame) => {
        cursor = frame.cursor;
        listening.onFrame(frame);
      },
    });
    if (listening.signal.aborted) return;
    if (ended instanceof CliError && (!everOpen || isFinal(ended))) throw ended;
    const reason = ended instanceof CliError ? ended.message : ended;
    if (isOpen) listening.onNotice(`disconnected (${reason}); going on after cursor ${cursor}`);
    // A server may be away for an hour: the same sentence at each try would push the events off the screen.
    else if (reason !== told) {
      listening.onNotice(`not connected yet (${reason}); trying on`);
      told = reason;
    }
    await wait(Math.min(250 * 2 ** failures, backOffMsMax), undefined, { signal: listening.signal }).catch(
      // Only the signal ends this wait early, and the loop looks at it next.
      () => undefined,
    );
    failures += 1;
  }
};

const Page = z.looseObject({ nextCursor: z.string(), more: z.boolean() });
/** The words of an event that nobody sends: the answer is then empty, however many there are, and says how far it looked. */
const noType = 'none';

/** Where the feed stands now: the cursor behind its newest event. */
const feedHead = async ({ connection, signal }: Listening): Promise<string> => {
  const client = clientOf(connection);
  let after: string | undefined;
  for (;;) {
    const page = await client.get(Page, '/events', { types: noType, after, limit: 1 });
    if (!page.more || signal.aborted) return page.nextCursor;
    after = page.nextCursor;
  }
};

/** One connection from its opening to its end: answers why it ended. */
const once = (listening: Listening & { onOpen: () => void }): Promise<CliError | string> => {
  const { connection, types, after, signal, onOpen } = listening;
  return openSocket({
    connection,
    path: '/api/v1/events/stream',
    query: { types, after },
    signal,
    onOpen,
    onText: (text) => take(text, listening),
  });
};

const take = (text: string, { onFrame, onNotice }: Listening): void => {
  const frame = Frame.safeParse(jsonOf(text));
  if (frame.success) onFrame(frame.data);
  else onNotice(`the server says: ${text.slice(0, 500)}`);
};
