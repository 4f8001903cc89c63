// Follows events as they happen.
import type { Command } from 'commander';
import pc from 'picocolors';
import { type Frame, listen } from '../event-stream.ts';
import { cell, encoded, type Format, note, print } from '../output.ts';
import { printable, printableJson } from '../printable.ts';
import { sessionOf } from '../session.ts';

export const tail = async (options: { types?: string; after?: string }, command: Command): Promise<void> => {
  const { client, format } = await sessionOf(command);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  await listen({
    connection: client.connection,
    types: options.types,
    after: options.after,
    signal: stop.signal,
    onFrame: (frame) => print(frameText(frame, format)),
    onNotice: (message) => note(pc.dim(printable(message))),
  });
};

/** JSON is one line per event, so that it can be read while it goes on. */
const frameText = (frame: Frame, format: Format): string => {
  if (format === 'json') return printableJson(frame);
  if (format === 'yaml') return `---\n${encoded('yaml', frame)}`;
  const { time, type, subject, data } = frame.event;
  const text = cell(data);
  const short = text.length > 120 ? `${text.slice(0, 119)}…` : text;
  return `${pc.dim(printable(time))} ${pc.cyan(printable(type))} ${printable(subject)} ${pc.dim(short)}`;
};
