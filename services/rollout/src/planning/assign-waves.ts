// Who moves in which wave. Pure: the same strategy, bots and salt always make the same waves.
import type { Strategy } from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import { cohortSize } from '@molthub/layers';
import { byLot, spread } from './spread.ts';
import { bots as counted, listed } from './wording.ts';

/** A bot of a plan, with the labels that a strategy may choose by. */
export type Plannable = {
  readonly botId: string;
  readonly botName: string;
  readonly labels: Readonly<Record<string, string>>;
};

export type Assignment = {
  /** Ids of bots: each bot of the plan in exactly one wave, and no wave empty. */
  readonly waves: readonly (readonly string[])[];
  /** What somebody who reads the plan should know, since it is not quite what they wrote. */
  readonly notes: readonly string[];
};

type Of<K extends Strategy['kind']> = Extract<Strategy, { kind: K }>;
/** Bots in the order in which they move, and how many of them have moved after each wave. */
type Staged = {
  readonly order: readonly Plannable[];
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
};
type Step = { readonly name: string; readonly moved: number };

/**
 * The waves of a strategy over the bots of a plan. `salt` draws who goes first: keep it for a plan that is made anew, and
 * take another for another change, so that it is not always the same bots that try what is new.
 * Throws `Rejected`, naming the field, where the strategy does not fit these bots.
 */
export const assignWaves = (strategy: Strategy, bots: readonly Plannable[], salt: string): Assignment => {
  if (bots.length === 0) return { waves: [], notes: [] };
  const order = byLot(bots, salt);
  switch (strategy.kind) {
    case 'ALL':
      return { waves: [idsOf(order)], notes: [] };
    case 'PERCENTAGE':
      return cut(percentage(strategy, order));
    case 'CANARY':
      return cut(canary(strategy, order));
    case 'RINGS':
      return cut(rings(strategy, order));
    default:
      return unreachable(strategy);
  }
};

const idsOf = (some: readonly Plannable[]): readonly string[] => some.map(({ botId }) => botId);

/** Cuts the order at each step. A step that nobody new moves in is one wave with the one before it. */
const cut = ({ order, steps, notes }: Staged): Assignment => {
  const sameAs = Map.groupBy(steps, ({ moved }) => moved);
  const ends = [...sameAs.keys()].filter((moved) => moved > 0);
  const waves = ends.map((end, at) => idsOf(order.slice(ends[at - 1] ?? 0, end)));
  if (order.length === 1) {
    return { waves, notes: ['The plan has one bot, so its only wave is everything: it is not tried on others first.'] };
  }
  if (waves.length === 1) {
    return { waves, notes: [...notes, `All ${counted(order.length)} move in one wave: none tries it first.`] };
  }
  const merged = ends.flatMap((moved) => {
    const names = (sameAs.get(moved) ?? []).map(({ name }) => name);
    const have = `${counted(moved)} ${moved === 1 ? 'has' : 'have'}`;
    return names.length < 2 ? [] : [`One wave: ${listed(names)}, since after each of them ${have} moved.`];
  });
  return { waves, notes: [...notes, ...merged] };
};

const stepsOf = (percents: readonly number[], total: number): readonly Step[] =>
  percents.map((percent) => ({ name: `${percent} %`, moved: cohortSize({ percentage: percent }, total) }));

/** Where a step is at least one bot, or leaves one out, it is not the share that somebody wrote. */
const roundedNotes = (percents: readonly number[], total: number): readonly string[] => {
  const small = percents.filter((percent) => percent < 100 && percent * total < 50).at(-1);
  const large = percents.find((percent) => percent < 100 && percent * total >= total * 100 - 50);
  return [
    ...(small === undefined ? [] : [`${small} % of ${counted(total)} is less than half a bot; one moves.`]),
    ...(large === undefined ? [] : [`${large} % of ${counted(total)} leaves less than half a bot; one is left out.`]),
  ];
};

const percentage = ({ steps, growth, stratifyBy }: Of<'PERCENTAGE'>, order: readonly Plannable[]): Staged => {
  const percents = growth ? exponential(growth) : (steps ?? [100]);
  return {
    order: evenly(order, stratifyBy),
    steps: stepsOf(percents, order.length),
    notes: roundedNotes(percents, order.length),
  };
};

/** first, first · factor, first · factor² … and 100 at last. */
const exponential = ({ firstPercent, factor }: { readonly firstPercent: number; readonly factor: number }) => {
  const percents: number[] = [];
  for (let percent = firstPercent; percent < 100; percent *= factor) percents.push(percent);
  return [...percents, 100];
};

const canary = (strategy: Of<'CANARY'>, order: readonly Plannable[]): Staged => {
  const { stratifyBy, steps = [100] } = strategy;
  const { chosen, size } = canariesOf(strategy.canary, order);
  const isChosen = new Set(chosen);
  const rest = order.filter((bot) => !isChosen.has(bot));
  const name = size === 1 ? 'the canary' : `the ${size} canaries`;
  const later = stepsOf(steps, order.length).map((step) => ({ ...step, moved: Math.max(step.moved, size) }));
  return {
    // Who is chosen by hand stays chosen, however uneven that is.
    order: [...chosen, ...evenly(rest, stratifyBy)],
    steps: [{ name, moved: size }, ...later],
    notes: canaryNotes(strategy.canary, size, order.length),
  };
};

const canaryNotes = (asked: Of<'CANARY'>['canary'], size: number, total: number): readonly string[] => {
  if ('percent' in asked) return roundedNotes([asked.percent], total);
  if ('count' in asked && asked.count > total) {
    return [`${counted(asked.count)} were to be canaries, and the plan has ${counted(total)}.`];
  }
  return size === total ? ['Every bot of the plan is a canary.'] : [];
};

/** How many canaries, and those of them that were not left to the lot. */
const canariesOf = (
  asked: Of<'CANARY'>['canary'],
  order: readonly Plannable[],
): { readonly chosen: readonly Plannable[]; readonly size: number } => {
  if ('count' in asked) return { chosen: [], size: cohortSize({ count: asked.count }, order.length) };
  if ('percent' in asked) return { chosen: [], size: cohortSize({ percentage: asked.percent }, order.length) };
  const chosen = 'labels' in asked ? labelled(asked.labels, order) : named(asked.botInstanceIds, order);
  return { chosen, size: chosen.length };
};

const labelled = (labels: Readonly<Record<string, string>>, order: readonly Plannable[]): readonly Plannable[] => {
  const wanted = Object.entries(labels);
  const chosen = order.filter((bot) => wanted.every(([label, value]) => valueOf(bot, label) === value));
  if (chosen.length > 0) return chosen;
  const asked = listed(wanted.map(([label, value]) => `${label}=${value}`));
  throw refused('no-canary', 'canary.labels', `No bot of the plan has ${asked}; name labels that some of them have.`);
};

const named = (ids: readonly string[], order: readonly Plannable[]): readonly Plannable[] => {
  const asked = new Set(ids);
  const field = 'canary.botInstanceIds';
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length > 0) throw refused('canary-twice', field, `Named twice: ${listed(twice)}. Name each bot once.`);
  const chosen = order.filter(({ botId }) => asked.has(botId));
  if (chosen.length === asked.size) return chosen;
  const known = new Set(idsOf(chosen));
  const strange = ids.filter((id) => !known.has(id));
  throw refused(
    'canary-not-in-plan',
    field,
    `Not among the bots that this plan moves: ${listed(strange)}. Name only bots of the targets that are to move.`,
  );
};

const evenly = (order: readonly Plannable[], label: string | undefined): readonly Plannable[] => {
  if (label === undefined) return order;
  const without = order.filter((bot) => valueOf(bot, label) === undefined);
  if (without.length > 0) {
    const names = listed(without.map(({ botName }) => botName).sort());
    throw refused(
      'label-missing',
      'stratifyBy',
      `Without the label ${label}: ${names}. Give it to them, or take another label.`,
    );
  }
  return spread(order, (bot) => valueOf(bot, label) ?? '');
};

const otherRing = '*';

const rings = ({ label, rings: all }: Of<'RINGS'>, order: readonly Plannable[]): Staged => {
  const twice = all.filter((ring, at) => all.indexOf(ring) !== at);
  if (twice.length > 0) {
    throw refused('ring-twice', 'rings', `Named twice: ${listed(twice)}. A bot is in one ring only.`);
  }
  const isRing = new Set(all);
  const members = Map.groupBy(order, (bot) => {
    const value = valueOf(bot, label);
    return value !== undefined && isRing.has(value) ? value : otherRing;
  });
  if (!isRing.has(otherRing) && members.has(otherRing)) {
    const outside = (members.get(otherRing) ?? []).map(
      (bot) => `${bot.botName} (${valueOf(bot, label) ?? 'no label'})`,
    );
    throw refused(
      'in-no-ring',
      'rings',
      `In none of the rings: ${listed(outside.sort())}. Add theirs, or * for all others.`,
    );
  }
  const inOrder = all.flatMap((ring) => members.get(ring) ?? []);
  const empty = all.filter((ring) => !members.has(ring));
  let moved = 0;
  return {
    order: inOrder,
    steps: all
      .filter((ring) => members.has(ring))
      .map((ring) => ({ name: `ring ${ring}`, moved: (moved += members.get(ring)?.length ?? 0) })),
    notes: empty.length === 0 ? [] : [`Nobody of the plan is in ring ${listed(empty)}: no wave is made of it.`],
  };
};

/** Only what the bot itself has: every object answers to `constructor`. */
const valueOf = ({ labels }: Plannable, label: string): string | undefined =>
  Object.hasOwn(labels, label) ? labels[label] : undefined;

const refused = (code: string, field: string, message: string): Rejected =>
  new Rejected(`rollout.${code}`, message, [{ path: `strategy.${field}`, code, message }]);
