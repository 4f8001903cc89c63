// An order of bots in which every beginning has its fair part of each group.
import { rankOf } from '@molthub/layers';

/** Whoever stands first is the first to move. Chosen by lot, which the salt draws: always the same for the same salt. */
export const byLot = <B extends { readonly botId: string }>(bots: readonly B[], salt: string): readonly B[] =>
  bots
    .map((bot) => ({ bot, rank: rankOf(salt, bot.botId) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0))
    .map(({ bot }) => bot);

type Group<B> = { readonly bots: readonly B[]; readonly places: readonly number[]; taken: number };

/**
 * Reorders bots so that among the first h of n, for every h, each group of m has m·h/n of them, rounded down or up. Inside
 * a group they keep their order, and where two groups have the same right to a place, the bot that stood first gets it.
 *
 * Largest remainders, taken for each h alone, would take a bot out again when h grows (the Alabama paradox). So places
 * are given one after the other: to a group that is not yet rounded up, the one whose next bot can wait least. Source: M. L.
 * Balinski and H. P. Young, The quota method of apportionment, American Mathematical Monthly 82 (1975) 701.
 */
export const spread = <B>(bots: readonly B[], groupOf: (bot: B) => string): readonly B[] => {
  let waiting: Group<B>[] = [...Map.groupBy(bots.entries(), ([, bot]) => groupOf(bot)).values()].map((members) => ({
    bots: members.map(([, bot]) => bot),
    places: members.map(([place]) => place),
    taken: 0,
  }));
  return bots.flatMap((_, before) => {
    const next = nextOf(waiting, before + 1, bots.length);
    const bot = next?.bots[next.taken];
    if (!next || bot === undefined) return [];
    next.taken += 1;
    if (next.taken === next.bots.length) waiting = waiting.filter((group) => group !== next);
    return [bot];
  });
};

/** Of the groups that have fewer than their exact part of the first `h`, the one whose next bot is due first. */
const nextOf = <B>(waiting: readonly Group<B>[], h: number, n: number): Group<B> | undefined => {
  let best: Group<B> | undefined;
  for (const group of waiting) {
    if (group.taken * n >= group.bots.length * h) continue;
    if (best === undefined || isDueBefore(group, best)) best = group;
  }
  return best;
};

/** Bot number k of m is due at the latest in place k·n/m. */
const isDueBefore = <B>(a: Group<B>, b: Group<B>): boolean => {
  const [dueA, dueB] = [(a.taken + 1) * b.bots.length, (b.taken + 1) * a.bots.length];
  return dueA < dueB || (dueA === dueB && (a.places[a.taken] ?? 0) < (b.places[b.taken] ?? 0));
};
