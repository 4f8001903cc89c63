// Everything the server knows about one thing, on one page.
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { Loose, TimelineItem } from '../answers.ts';
import { usageError } from '../cli-error.ts';
import { findOne } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { encoded } from '../output.ts';
import { sessionOf } from '../session.ts';
import { timelineLine } from '../timeline-line.ts';

const Timeline = z.looseObject({ items: z.array(TimelineItem) });

export const describe = async (kindWord: string, name: string, command: Command): Promise<void> => {
  const kind = kindOf(kindWord);
  const { client, show } = await sessionOf(command);
  const one = await findOne(client, kind, name);
  const parts: Record<string, unknown> = {};
  for (const [title, path] of Object.entries(kind.details)) parts[title] = await client.get(Loose, path(one.id));
  if (Object.keys(parts).length === 0 && !kind.named) throw usageError(`${kind.name} have no page; use get`);
  show({ ...one, ...prefixed(parts) }, () =>
    [encoded('yaml', one), ...Object.entries(parts).map(([title, part]) => `${pc.bold(title)}\n${page(part)}`)].join(
      '\n\n',
    ),
  );
};

/** A part never hides a field of the thing itself: a bot has a `health` of its own. */
const prefixed = (parts: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(parts).map(([title, part]) => [`${title}Page`, part]));

const page = (part: unknown): string => {
  const timeline = Timeline.safeParse(part);
  if (timeline.success && timeline.data.items.length > 0) {
    // The newest were asked for; people read them in the order they happened.
    return timeline.data.items.toReversed().map(timelineLine).join('\n');
  }
  return encoded('yaml', part).replaceAll(/^/gm, '  ');
};
