// How the sentences of a plan count and list.

const listedMax = 10;

/** “1 bot”, “2 bots”. */
export const bots = (count: number): string => (count === 1 ? '1 bot' : `${count} bots`);

/** “a, b and c”; of many the first ones, and how many more. */
export const listed = (names: readonly string[]): string => {
  const said =
    names.length > listedMax ? [...names.slice(0, listedMax - 1), `${names.length - listedMax + 1} more`] : names;
  return said.length < 2 ? said.join('') : `${said.slice(0, -1).join(', ')} and ${said.at(-1) ?? ''}`;
};
