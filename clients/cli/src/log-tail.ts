// Following a log that can only be asked for its last lines.

/**
 * The lines of `now` that came after those of `before`: behind the longest end of `before` that `now` starts with.
 * Where nothing of `before` is left, everything is new.
 */
export const newLines = (before: readonly string[], now: readonly string[]): readonly string[] => {
  const from = before.findIndex((_, start) => {
    const rest = before.length - start;
    return rest <= now.length && before.slice(start).every((line, index) => line === now[index]);
  });
  return from === -1 ? now : now.slice(before.length - from);
};
