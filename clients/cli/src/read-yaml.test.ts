// Hostile texts: each is refused in a sentence, and the thread that asked goes on meanwhile.
import { expect, test } from 'vitest';
import { readYaml } from './read-yaml.ts';
import { yamlLimits } from './yaml-documents.ts';

const { documentBytesMax } = yamlLimits;
const full = (part: (index: number) => string): string => {
  let text = '';
  for (let index = 0; text.length < documentBytesMax - 100; index += 1) text += part(index);
  return text;
};
const laughs = ['a0: &a0 [x, x]', ...Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]`)];

const hostile: readonly (readonly [name: string, text: string, said: RegExp])[] = [
  ['as many keys as fit', full((n) => `a${n}: 1\n`), /more than 150000 pieces|at most|may hold/],
  ['as many values as fit in one line', `[${full(() => '1,')}]`, /more than 150000 pieces/],
  ['keys without values', `{${full((n) => `a${n},`)}}`, /a document may hold 20000/],
  ['explicit keys', full((n) => `? a${n}\n: b\n`), /more than 150000 pieces/],
  ['anchors that nobody uses', full((n) => `a${n}: &b${n} 1\n`), /a document may hold 20000/],
  ['a billion laughs', laughs.join('\n'), /more aliases than a document may use/],
  ['an alias of itself', 'a: &a\n  b: *a\n', /contains itself/],
  ['merge keys', 'a: &a { x: 1 }\nb:\n  <<: [*a, *a]\n', /^merge keys \(<<\) are not taken/],
  ['brackets without end', '['.repeat(100_000), /nested deeper than 64 levels/],
  ['brackets side by side', full(() => '{}'), /something that cannot stand here/],
  ['quotes and colons', full(() => '"a" : "b" , '), /./],
  ['a key for the prototype', 'a:\n  __proto__: { x: 1 }\n', /^the key '__proto__' is not allowed/],
  ['a thousand mistakes', Array.from({ length: 6_000 }, () => '- @a\n').join(''), /a text cannot start with @/],
  ['tags for objects', 'a: !!js/function "x"\n', /a tag \(!name\) that is not known/],
  ['too large', `a: ${'x'.repeat(documentBytesMax)}`, /a document may have 262144/],
];

test.each(hostile)('%s', async (_, text, said) => {
  // The first reading loads what it needs.
  await readYaml([{ file: 'f.yaml', text: `a: ${'x'.repeat(5_000)}` }]);
  const before = process.threadCpuUsage();
  const { problems } = await readYaml([{ file: 'f.yaml', text }]);
  const { user, system } = process.threadCpuUsage(before);
  expect(problems).toHaveLength(1);
  expect(problems[0]?.message).toMatch(said);
  expect((user + system) / 1_000).toBeLessThan(50);
});

test('a document that cannot be read keeps no other from being read, and each problem has its line', async () => {
  const { documents, problems } = await readYaml([
    { file: 'a.yaml', text: 'a: 1\n---\nb: [\n---\nc: 3\n' },
    { file: 'b.yaml', text: 'd: 4\n' },
  ]);
  expect(documents.map(({ file, number, value }) => [file, number, value])).toEqual([
    ['a.yaml', 1, { a: 1 }],
    ['a.yaml', 3, { c: 3 }],
    ['b.yaml', 1, { d: 4 }],
  ]);
  expect(problems).toMatchObject([{ file: 'a.yaml', number: 2, line: 3 }]);
});

test('a file that is one mistake after the other is given up after twenty', async () => {
  const { problems } = await readYaml([{ file: 'f.yaml', text: '---\na: [\n'.repeat(10_000) }]);
  expect(problems).toHaveLength(20);
});
