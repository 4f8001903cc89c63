// A difference as Markdown, for the comment on a pull request.
import { countsOf, type DiffItem, hasChanges, sumText } from './diff-items.ts';
import { printable } from './printable.ts';

const signs = { create: '+', change: '~', delete: '−', held: '‖', impossible: '!', unchanged: '=' } as const;
/** A comment on GitHub may have 65,536 characters. */
const charactersMax = 60_000;
const valueCharactersMax = 300;

export const diffMarkdown = (items: readonly DiffItem[]): string => {
  const counts = countsOf(items);
  const parts = [`### Molthub: ${hasChanges(counts) ? sumText(counts) : 'no change'}`];
  const told = items.filter(({ action }) => action !== 'unchanged');
  let length = 0;
  for (const [index, item] of told.entries()) {
    const part = itemMarkdown(item);
    length += part.length;
    if (length > charactersMax) {
      parts.push(`… and ${told.length - index} more; \`molthub diff\` shows all of them.`);
      break;
    }
    parts.push(part);
  }
  return parts.join('\n\n');
};

const itemMarkdown = ({ title, action, changes = [], reason }: DiffItem): string => {
  const head = `**${signs[action]} ${action}** ${code(title)}${reason === undefined ? '' : `: ${plain(reason)}`}`;
  if (changes.length === 0) return head;
  const rows = changes.map(({ path, from, to }) => `| ${code(path)} | ${value(from)} | ${value(to)} |`);
  return [`${head}\n`, '| field | from | to |', '|---|---|---|', ...rows].join('\n');
};

const value = (one: unknown): string => {
  if (one === undefined) return '–';
  const text = typeof one === 'string' ? one : JSON.stringify(one);
  return code(text.length > valueCharactersMax ? `${text.slice(0, valueCharactersMax)}…` : text);
};

/** A text in which nothing is Markdown or HTML. */
const plain = (text: string): string =>
  printable(text).replaceAll(/[\\`*_[\]<>|#&@~]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** As HTML rather than between backticks: so no backtick, bar or line end in a value can end it. */
const code = (text: string): string => `<code>${plain(text)}</code>`;
