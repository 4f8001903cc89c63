import { expect, test } from 'vitest';
import type { DiffItem } from './diff-items.ts';
import { diffMarkdown } from './diff-markdown.ts';

const changed = (from: unknown, to: unknown): DiffItem => ({
  title: 'bot/support/anna',
  kind: 'MoltbotInstance',
  action: 'change',
  changes: [{ path: 'spec.config.logging.level', from, to }],
});

test('what changes is told field by field, and what does not is only counted', () => {
  const items: DiffItem[] = [
    { title: 'fleet/support', kind: 'Fleet', action: 'unchanged' },
    changed('info', 'debug'),
    { title: 'bot/support/bert', kind: 'MoltbotInstance', action: 'delete' },
  ];
  expect(diffMarkdown(items)).toBe(
    [
      '### Molthub: 0 to create, 1 to change, 1 to delete, 1 unchanged',
      '**~ change** <code>bot/support/anna</code>\n\n| field | from | to |\n|---|---|---|\n' +
        '| <code>spec.config.logging.level</code> | <code>info</code> | <code>debug</code> |',
      '**− delete** <code>bot/support/bert</code>',
    ].join('\n\n'),
  );
  expect(diffMarkdown([])).toBe('### Molthub: no change');
});

test('no value can be Markdown or HTML, or mention anybody', () => {
  const hostile = '</code>|`x` ![](http://x) <img src=x>\n# head @everyone #1 [a](b) ~~~';
  const text = diffMarkdown([changed(undefined, hostile)]);
  expect(text.split('\n')).toHaveLength(7);
  for (const part of ['<img', '![', '@everyone', '</code>|', '`', '~~~']) expect(text).not.toContain(part);
  expect(text.match(/\|/g)).toHaveLength(12);
});

test('a long difference ends with how much more there is', () => {
  const items = Array.from({ length: 5_000 }, (_, index) => changed(index, 'x'.repeat(1_000)));
  const text = diffMarkdown(items);
  expect(text.length).toBeLessThan(65_536);
  expect(text).toMatch(/… and \d+ more; `molthub diff` shows all of them\.$/);
});
