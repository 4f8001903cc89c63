// Which bots a changed layer moves. How each of them is, is for whoever looks at the bots: a change set that ended badly
// may be about bots that got there by another one.
import { setTimeout as wait } from 'node:timers/promises';
import type { Problem } from '@molthub/contracts';
import pc from 'picocolors';
import { z } from 'zod';
import { Bot, ChangeSet, LayerChanged, PlannedBot, type RefusedBot } from './answers.ts';
import { whyByHand } from './change-set.ts';
import { CliError } from './cli-error.ts';
import type { Client } from './client.ts';
import { concurrently } from './concurrently.ts';
import type { KnownBot, LayerChange } from './document-kind.ts';
import { lookAtBot } from './follow.ts';
import { amount, note } from './output.ts';
import { printable } from './printable.ts';

export type MovedByLayer = {
  /** To be looked at: whether they are there is for each of them to say. */
  readonly bots: readonly KnownBot[];
  /** What nothing but time or a person can bring to its bots, who are not worth a look until then. */
  readonly held: readonly KnownBot[];
  /** What is wrong beside that; what waits for a person to start it has the code `manual`. */
  readonly problems: readonly Problem[];
};

type Options = {
  /** When the time is over, in ms since 1970. */
  readonly end: number;
  /** Otherwise only the change sets are named, and no bots. */
  readonly wait: boolean;
  /** Nothing is waited for after it. */
  readonly stop?: AbortSignal;
  /** Tells of nothing that was told when the layer was sent. */
  readonly isQuiet?: boolean;
};

const pollMs = 200;
const looksAtOnce = 4;
const hashShown = 12;
const nothing: MovedByLayer = { bots: [], held: [], problems: [] };

/** Looks until its bots are known and judged, or the time is over. */
export const movedByLayer = async (client: Client, layer: LayerChange, options: Options): Promise<MovedByLayer> => {
  const tell = options.isQuiet === true ? () => undefined : note;
  const change = await foundBots(client, layer, options);
  if (change === undefined) {
    const message = 'which bots it moves was not known when the time was over';
    return { ...nothing, problems: [{ path: layer.title, code: 'timeout', message }] };
  }
  if (change.refused) return { ...nothing, problems: [{ path: layer.title, ...change.refused }] };
  const bots = change.bots ?? 0;
  tell(bots === 0 ? `${layer.title} moves no bot` : pc.bold(`${layer.title} moves ${amount(bots, 'bot')}`));
  const found: MovedByLayer[] = [];
  for (const id of change.changeSetIds) {
    if (options.wait) found.push(await movedByChangeSet(client, { ...layer, ...change }, id, options));
    else tell(`  by change set ${id}; molthub rollout status ${id} --watch shows how it goes`);
  }
  return together(found);
};

const together = (found: readonly MovedByLayer[]): MovedByLayer => ({
  bots: found.flatMap(({ bots }) => bots),
  held: found.flatMap(({ held }) => held),
  problems: found.flatMap(({ problems }) => problems),
});

/** Looks until there is something or the time is over; it looks once at least. */
const sought = async <T>({ end, stop }: Options, look: () => Promise<T | undefined>): Promise<T | undefined> => {
  for (;;) {
    const isOver = Date.now() >= end || stop?.aborted === true;
    const found = await look();
    if (found !== undefined || isOver) return found;
    await wait(pollMs);
  }
};

const foundBots = (
  client: Client,
  { path, version }: LayerChange,
  options: Options,
): Promise<LayerChanged | undefined> =>
  sought(options, async () => {
    const [change] = await client.all(LayerChanged, `${path}/changes`, { version }, 1);
    return change?.refused || change?.bots != null ? change : undefined;
  });

/** A change set is planned once each of its bots is judged; until then there is none. */
const planned = (client: Client, id: string, options: Options): Promise<ChangeSet | undefined> =>
  sought(options, async () => {
    try {
      return await client.get(ChangeSet, `/change-sets/${id}`);
    } catch (error) {
      if (error instanceof CliError && error.status === 404) return undefined;
      throw error;
    }
  });

type Changed = Pick<LayerChange, 'title'> & Pick<LayerChanged, 'changedAt'>;

const movedByChangeSet = async (
  client: Client,
  layer: Changed,
  id: string,
  options: Options,
): Promise<MovedByLayer> => {
  const plan = await planned(client, id, options);
  const path = `${layer.title}, change set ${id}`;
  if (plan === undefined) {
    return { ...nothing, problems: [{ path, code: 'timeout', message: 'not planned when the time was over' }] };
  }
  const rows = await client.all(PlannedBot, `/change-sets/${id}/plan`);
  if (options.isQuiet !== true) for (const row of rows) note(movesLine(plan, row));
  const refused = await refusedBots(client, plan, layer, path);
  const why = plan.status === 'PLANNED' ? await whyByHand(client, plan.fleetId) : undefined;
  if (why === undefined) {
    const bots = rows.map(({ botInstanceId, name }) => ({ id: botInstanceId, title: titleOf(plan, name) }));
    return together([{ ...nothing, bots }, refused]);
  }
  const { bots, held } = await stillHeld(client, plan, rows);
  if (held.length === 0) return together([{ ...nothing, bots }, refused]);
  const message = `is not started: ${why}; molthub rollout start ${id}`;
  if (options.isQuiet !== true) note(`  change set ${id} ${message}`);
  return together([{ bots, held, problems: [{ path, code: 'manual', message }] }, refused]);
};

const titleOf = ({ fleetName }: ChangeSet, name: string): string => `bot/${fleetName}/${name}`;

/** Such as `support/anna  3f2a… → 91bc…  change set 018f…`. */
const movesLine = ({ id, fleetName }: ChangeSet, { name, before, after }: PlannedBot): string => {
  const from = before === null ? 'nothing' : shown(before.hash);
  const bot = printable(`${fleetName}/${name}`);
  return `  ${bot}  ${from} → ${shown(after.hash)}  change set ${id}`;
};

const shown = (hash: string): string => hash.replace(/^sha256:/, '').slice(0, hashShown);

/** Those bots of a change set that waits for a person which nothing else has taken along since. */
const stillHeld = async (client: Client, plan: ChangeSet, rows: readonly PlannedBot[]) => {
  const looked = await concurrently(rows, looksAtOnce, async ({ botInstanceId: id, name, after }) => {
    const following = await lookAtBot(client, id, false);
    const isNewer = following.outcome === 'timeout' && following.bot.manifestVersion > after.version;
    const isHeld = following.outcome === 'timeout' && !isNewer;
    return { bot: { id, title: titleOf(plan, name) }, isHeld };
  });
  return {
    bots: looked.flatMap(({ bot, isHeld }) => (isHeld ? [] : [bot])),
    held: looked.flatMap(({ bot, isHeld }) => (isHeld ? [bot] : [])),
  };
};

/** Refusals of a proposal in favour of another one, or of none: they say nothing of what the bot is. */
const harmless = new Set(['config.superseded', 'config.resolution-unchanged', 'config.layers-changed']);

/**
 * A bot whose version was refused is one to look at where it has the layer by another version. The change set names the
 * first of them only; where one of those lacks the layer, how many more there are is told.
 */
const refusedBots = async (
  client: Client,
  plan: ChangeSet,
  { changedAt }: Changed,
  path: string,
): Promise<MovedByLayer> => {
  const judged = await concurrently(plan.refusedBots, looksAtOnce, async (refused) => ({
    refused,
    bot: { id: refused.botId, title: titleOf(plan, refused.botName) },
    isHarmless: harmless.has(refused.code) || (await hasNewer(client, refused, changedAt)),
  }));
  const bots = judged.flatMap(({ bot, isHarmless }) => (isHarmless ? [bot] : []));
  const lacking = judged.filter(({ isHarmless }) => !isHarmless);
  const problems = lacking.map(({ bot, refused: { code, message } }) => ({ path: bot.title, code, message }));
  const more = plan.refused - plan.refusedBots.length;
  if (more <= 0) return { bots, held: [], problems };
  if (lacking.length === 0) return { bots: await botsOf(client, plan), held: [], problems };
  const rest = { path, code: 'refused', message: `${amount(more, 'more bot')} refused` };
  return { bots, held: [], problems: [...problems, rest] };
};

const Version = z.looseObject({ createdAt: z.string() });

/** Whether its newest version was made after the layer changed, and so with it; or the bot is gone. */
const hasNewer = async (client: Client, { botId }: RefusedBot, changedAt: string): Promise<boolean> => {
  try {
    const [newest] = await client.all(Version, `/bot-instances/${botId}/manifests`, {}, 1);
    return newest !== undefined && Date.parse(newest.createdAt) >= Date.parse(changedAt);
  } catch (error) {
    if (error instanceof CliError && error.status === 404) return true;
    throw error;
  }
};

/** All of the fleet: which of them were refused beyond the first is not told. */
const botsOf = async (client: Client, plan: ChangeSet): Promise<KnownBot[]> => {
  const bots = await client.all(Bot, '/bot-instances', { fleetId: plan.fleetId });
  return bots.map(({ id, name }) => ({ id, title: titleOf(plan, name) }));
};
