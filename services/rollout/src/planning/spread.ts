// An order of bots in which every beginning has its fair part of each group.
import { rankOf } from '@molthub/layers';

/** Whoever stands first is the first to move. Chosen by lot, which the salt draws: always the same for the same salt. */
export const byLot = <B extends { readonly botId: string }>(bots: readonly B[], salt: string): readonly B[] =>
  bots
    .map((bot) => ({ bot, rank: rankOf(salt, bot.botId) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0))
    .map(({ bot }) => bot);

/** A group of which `taken` bots have their place. */
type Group<B> = { readonly bots: readonly B[]; readonly taken: number };

/**
 * Reorders bots so that among the first h of n, for every h, each group of m has m·h/n of them, rounded down or up. Inside
 * a group they keep their order, and of groups with the same right to a place the one that has had it longer gets it.
 *
 * Largest remainders, taken for each h alone, would take a bot out again when h grows (the Alabama paradox). So places
 * are given one after the other: bot number k of m may have one after place (k − 1)·n/m, and must have it by k·n/m, and of
 * those that may, the one that must first gets it. That is always in time. Source: M. L. Balinski and H. P. Young, The
 * quota method of apportionment, American Mathematical Monthly 82 (1975) 701.
 */
export const spread = <B>(bots: readonly B[], groupOf: (bot: B) => string): readonly B[] => {
  const total = bots.length;
  const coming = calendar<Group<B>>();
  const due = calendar<Group<B>>();
  const wait = (group: Group<B>): void => {
    if (group.taken < group.bots.length) coming.add(Math.floor((group.taken * total) / group.bots.length) + 1, group);
  };
  for (const members of Map.groupBy(bots, groupOf).values()) wait({ bots: members, taken: 0 });
  return bots.flatMap((_, before) => {
    for (let group = coming.next(before + 1); group; group = coming.next(before + 1)) {
      due.add(Math.ceil(((group.taken + 1) * total) / group.bots.length), group);
    }
    const group = due.next(total);
    const bot = group?.bots[group.taken];
    if (!group || bot === undefined) return [];
    wait({ ...group, taken: group.taken + 1 });
    return [bot];
  });
};

/** Things by day: the first of the earliest day is next. */
const calendar = <T>() => {
  const days = new Map<number, { readonly things: T[]; taken: number }>();
  let earliest = 1;
  return {
    add: (day: number, thing: T): void => {
      const there = days.get(day) ?? { things: [], taken: 0 };
      there.things.push(thing);
      days.set(day, there);
      earliest = Math.min(earliest, day);
    },
    /** Takes it, unless its day is after `last`. */
    next: (last: number): T | undefined => {
      for (; earliest <= last; earliest += 1) {
        const there = days.get(earliest);
        if (there && there.taken < there.things.length) return there.things[there.taken++];
      }
      return undefined;
    },
  };
};
