// Completion scripts, made from the commands themselves so that they never lag behind.
import type { Command } from 'commander';
import { print } from '../output.ts';
import type { shells } from '../shells.ts';

type Shell = (typeof shells)[number];

/** What may follow each command, by the words before it: `''`, `trace`, `trace show`. */
export const wordsAfter = (command: Command, path: readonly string[] = []): ReadonlyMap<string, readonly string[]> => {
  const options = command.options.flatMap((option) => option.long ?? []);
  const own = [...command.commands.map((child) => child.name()), ...options, ...(path.length > 0 ? ['--help'] : [])];
  const below = command.commands.flatMap((child) => [...wordsAfter(child, [...path, child.name()])]);
  return new Map([[path.join(' '), own], ...below]);
};

export const completion = (shell: Shell, program: Command): void => {
  const words = wordsAfter(program);
  switch (shell) {
    case 'bash':
      return print(bash(words));
    case 'zsh':
      return print(`#compdef molthub\nautoload -U +X bashcompinit && bashcompinit\n${bash(words)}`);
    case 'fish':
      return print(fish(words));
  }
};

/** The longest path first: `trace show` before `trace`. Arguments behind a command leave it where it is. */
const deepestFirst = (words: ReadonlyMap<string, readonly string[]>): [string, readonly string[]][] =>
  [...words].sort(([a], [b]) => b.split(' ').length - a.split(' ').length || b.length - a.length);

const bash = (words: ReadonlyMap<string, readonly string[]>): string =>
  [
    '_molthub() {',
    '  local word path="" candidates="" i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word="${COMP_WORDS[i]}"',
    '    [[ "$word" == -* ]] || path="${path:+$path }$word"',
    '  done',
    '  case "$path" in',
    ...deepestFirst(words).map(([path, after]) => `    ${bashPattern(path)}) candidates="${after.join(' ')}" ;;`),
    '  esac',
    '  COMPREPLY=($(compgen -W "$candidates" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _molthub molthub',
  ].join('\n');

const bashPattern = (path: string): string => (path === '' ? '""' : `"${path}"|"${path} "*`);

const fish = (words: ReadonlyMap<string, readonly string[]>): string =>
  [
    'function __molthub_at',
    "  set -l path (string join ' ' -- (string match -v -- '-*' (commandline -opc)[2..-1]))",
    '  test "$path" = "$argv"',
    'end',
    ...deepestFirst(words).map(
      ([path, after]) => `complete -c molthub -n "__molthub_at '${path}'" -a '${after.join(' ')}'`,
    ),
  ].join('\n');
