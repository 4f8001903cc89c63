// Follows traces as they come and grow.
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { findBot } from '../find.ts';
import { amount, duration, encoded, type Format, note, print, status } from '../output.ts';
import { printable, printableJson } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { isFinal, jsonOf, openSocket } from '../socket.ts';

const Frame = z.looseObject({
  trace: z.looseObject({
    traceId: z.string(),
    name: z.string(),
    status: z.string(),
    state: z.string(),
    startedAt: z.string(),
    durationMs: z.number(),
    spanCount: z.number(),
    error: z.looseObject({ message: z.string() }).nullish(),
  }),
});
type Frame = z.infer<typeof Frame>;

const againMs = 1_000;

export const tail = async (options: { bot?: string; failed?: boolean }, command: Command): Promise<void> => {
  const { client, format } = await sessionOf(command);
  const bot = options.bot === undefined ? undefined : await findBot(client, options.bot);
  const stop = new AbortController();
  const { signal } = stop;
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  let wasOpen = false;
  while (!signal.aborted) {
    const ended = await openSocket({
      connection: client.connection,
      path: '/api/v1/traces/tail',
      query: { botInstanceId: bot?.id, status: options.failed ? 'ERROR' : undefined },
      signal,
      onOpen: () => {
        wasOpen = true;
      },
      onText: (text) => {
        const frame = Frame.safeParse(jsonOf(text));
        if (frame.success) print(frameText(frame.data, format));
      },
    });
    if (signal.aborted) return;
    if (ended instanceof CliError && (!wasOpen || isFinal(ended))) throw ended;
    const reason = ended instanceof CliError ? ended.message : ended;
    note(pc.dim(printable(`disconnected (${reason}); trying again; trace list has what comes meanwhile`)));
    // Only the signal ends this wait early, and the loop looks at it next.
    await wait(againMs, undefined, { signal }).catch(() => undefined);
  }
};

/** JSON is one line per trace, so that it can be read while it goes on. */
const frameText = ({ trace }: Frame, format: Format): string => {
  if (format === 'json') return printableJson(trace);
  if (format === 'yaml') return `---\n${encoded('yaml', trace)}`;
  const { startedAt, traceId, name, spanCount, durationMs } = trace;
  const word = trace.state === 'RUNNING' ? 'RUNNING' : trace.status;
  const error = trace.error ? ` ${pc.red(printable(trace.error.message.slice(0, 120)))}` : '';
  const facts = `${amount(spanCount, 'span')}, ${duration(durationMs)}`;
  return `${pc.dim(printable(startedAt))} ${printable(traceId)} ${pc.cyan(printable(name))} ${status(word)} ${facts}${error}`;
};
