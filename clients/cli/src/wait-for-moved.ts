// Waiting, in a command that somebody looks at, for what it changed: bots, and the bots that layers move.
import type { Problem } from '@molthub/contracts';
import type { Applied } from './apply-plan.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import type { KnownBot } from './document-kind.ts';
import { movedByLayer } from './moved-by-layer.ts';
import { note } from './output.ts';
import { unreleased } from './unreleased.ts';
import { waitForBots } from './wait-for-bots.ts';

type Options = {
  /** Commander sets it for --wait (true) and --no-wait (false). */
  readonly wait?: boolean;
  /** In seconds. */
  readonly timeout: number;
};

/** Answers what went wrong. What a person has to start is told, and is nothing that went wrong. */
export const waitForMoved = async (
  client: Client,
  { changed, layers }: Pick<Applied, 'changed' | 'layers'>,
  options: Options,
): Promise<Problem[]> => {
  const end = Date.now() + options.timeout * 1_000;
  const problems: Problem[] = [];
  const awaited = new Map<string, KnownBot>(changed.map((bot) => [bot.id, bot]));
  for (const layer of layers) {
    const moved = await movedByLayer(client, layer, { end, wait: options.wait !== false });
    // Its change set was told to wait for a person when it was found.
    problems.push(...moved.problems.filter(({ code }) => code !== 'manual'));
    for (const bot of moved.bots) awaited.set(bot.id, awaited.get(bot.id) ?? bot);
  }
  if (options.wait === false) return problems;
  for (const bot of changed.filter(({ released }) => !released)) {
    note(`${bot.title} ${unreleased('its fleet releases manually', 'start a change set for it')}`);
    awaited.delete(bot.id);
  }
  const found = await waitForBots(client, [...awaited.values()], {
    timeoutMs: Math.max(end - Date.now(), 0),
    timelines: options.wait === true || changed.length === 1,
  });
  for (const { path, message } of found.filter(({ code }) => code === 'manual')) note(`${path}: ${message}`);
  return [...problems, ...found.filter(({ code }) => code !== 'manual')];
};

export const notThere = (problems: readonly Problem[]): CliError =>
  new CliError('not every bot is what it is to be', { problems });
