import { expect, test } from 'vitest';
import { yamlDocuments, yamlLimits } from './yaml-documents.ts';

const values = (text: string) => yamlDocuments('f.yaml', text).map((document) => document.value);

test('a file has several documents, and empty ones do not count', () => {
  expect(values('# only a comment\n---\na: 1\n---\n\n---\nb: [2, x]\n...\n')).toEqual([{ a: 1 }, { b: [2, 'x'] }]);
});

test('JSON is read as it is', () => {
  expect(values('{"a": {"b": [1, "two", null, true]}}')).toEqual([{ a: { b: [1, 'two', null, true] } }]);
});

test('a byte order mark and CRLF line ends are read over', () => {
  expect(values('\uFEFFa: 1\r\nb: two\r\n---\r\nc: 3\r\n')).toEqual([{ a: 1, b: 'two' }, { c: 3 }]);
});

test('yes, dates and versions stay the strings they were written as, and 010 is not eight', () => {
  expect(values('a: yes\nb: 2026-11-21\nc: 2026.9.6\nd: 010\ne: off\nf: 0o10')).toEqual([
    { a: 'yes', b: '2026-11-21', c: '2026.9.6', d: 10, e: 'off', f: 8 },
  ]);
});

test('a syntax error names file, document and line of the file', () => {
  expect(() => values('a: 1\n---\nb: 1\nc: [1, 2\nd: 3\n')).toThrow(/^f\.yaml: document 2, line [456]: /);
});

test('a duplicate key is refused where it stands', () => {
  expect(() => values('a: 1\nb: 2\na: 3\n')).toThrow(
    "f.yaml: document 1, line 3: the key 'a' is also at line 1; keep one",
  );
});

test.each(['__proto__', 'constructor', 'prototype'])('the key %s is refused, wherever it is', (key) => {
  expect(() => values(`a:\n  - b:\n      ${key}: 1\n`)).toThrow(`line 3: the key '${key}' is not allowed`);
});

test('nesting ends at the limit, in every form, before anything recursive sees it', () => {
  const { depthMax } = yamlLimits;
  expect(values('['.repeat(depthMax) + ']'.repeat(depthMax))).toHaveLength(1);
  for (const hostile of ['['.repeat(40_000), '{a: '.repeat(20_000), '- '.repeat(40_000), '? '.repeat(40_000)]) {
    expect(() => values(hostile)).toThrow('nested deeper than 64 levels');
  }
  const block = Array.from({ length: 100 }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
  expect(() => values(block)).toThrow(/line 6\d: nested deeper/);
});

test('brackets inside text are no nesting', () => {
  expect(values(`a: |\n  ${'[ '.repeat(100)}\nb: "${'{'.repeat(100)}"\n`)).toHaveLength(1);
});

test('many small uses of an anchor are refused, and so is their sum', () => {
  const laughs = ['a0: &a0 [x, x]', ...Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]`)];
  expect(() => values(laughs.join('\n'))).toThrow('more aliases than a document may use');
  const large = `a: &a ${'x'.repeat(100_000)}\nb: [${Array.from({ length: 15 }, () => '*a').join(', ')}]`;
  expect(() => values(large)).toThrow('larger than 1 MiB');
});

test('an alias that contains itself is refused', () => {
  expect(() => values('a: &a\n  b: *a\n')).toThrow('contains itself');
});

test('tags make no objects', () => {
  expect(() => values('a: !!js/function "function () {}"')).toThrow(/line 1: a tag \(!name\) that is not known/);
  expect(() => values('a: !!binary aGVsbG8=')).toThrow(/line 1: a tag \(!name\) that is not known/);
});

test('merge keys are refused where they stand', () => {
  expect(() => values('a: &a {x: 1}\nb:\n  <<: *a\n')).toThrow('line 3: merge keys (<<) are not taken');
});

test('mistakes are told in words that say what to do', () => {
  expect(() => values('a: b: c\n')).toThrow("line 1: a second ': ' in one line; quote the text");
  expect(() => values('a: @b\n')).toThrow('line 1: a text cannot start with @ or ` unless it is quoted');
  expect(() => values('a:\n\tb: 1\n')).toThrow('line 2: indented by a tab; use blanks');
  expect(() => values('a: "x\n')).toThrow('a colon, comma, quote or bracket is missing');
  expect(() => values('a: *b\n')).toThrow('line 1: an alias (*name) needs');
});

test('numbers that JSON would change are refused', () => {
  expect(() => values('id: 12345678901234567890')).toThrow('loses digits; quote it');
  expect(() => values('rate: .inf')).toThrow('is no number that JSON has');
});

test('size and number of documents end at the limit', () => {
  expect(() => values(`a: ${'x'.repeat(yamlLimits.documentBytesMax)}`)).toThrow('a document may have 262144');
  expect(() => values('---\na: 1\n'.repeat(yamlLimits.documentsMax + 1))).toThrow('at most 10000 fit one file');
});

test('a path is found at its line, and one that is missing at what surrounds it', () => {
  const [, document] = yamlDocuments('f.yaml', 'x: 1\n---\nkind: Fleet\nspec:\n  list:\n    - one\n    - two: 2\n');
  expect(document?.lineOf(['spec', 'list', 1, 'two'])).toBe(7);
  expect(document?.lineOf(['spec', 'list', 0])).toBe(6);
  expect(document?.lineOf(['spec', 'missing', 'more'])).toBe(4);
  expect(document?.lineOf(['metadata'])).toBe(3);
});
