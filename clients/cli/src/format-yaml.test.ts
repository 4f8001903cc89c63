import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatYaml } from './format-yaml.ts';
import { yamlDocuments } from './yaml-documents.ts';

const formatted = (text: string, file = 'f.yaml') => formatYaml(file, text, yamlDocuments(file, text));

const untidy = `# about this file
kind: Fleet
apiVersion: molthub/v1
metadata: {name: support}
spec:
    # who it is for
    tags: {team: care}   # a tag

    environment: dev
---
---
# anna
metadata: { fleet: support, name: anna }
apiVersion: molthub/v1
kind: MoltbotInstance
spec:
  config: { z: 1, a: 2 }
  target: { kind: local }
  runtime:
      version: 2026.9.6
      engine: openclaw
`;

const tidy = `# about this file
apiVersion: molthub/v1
kind: Fleet
metadata: { name: support }
spec:
  environment: dev
  # who it is for
  tags: { team: care } # a tag
---
# anna
apiVersion: molthub/v1
kind: MoltbotInstance
metadata: { name: anna, fleet: support }
spec:
  runtime:
    engine: openclaw
    version: 2026.9.6
  target: { kind: local }
  config: { z: 1, a: 2 }
`;

test('fields come in the order of their schema, what is free keeps its own, comments go with their field', () => {
  expect(formatted(untidy)).toBe(tidy);
});

test('what is formatted stays as it is', () => {
  expect(formatted(tidy)).toBe(tidy);
});

test('line ends and the mark before them become those of everybody', () => {
  expect(formatted(`\uFEFF${untidy.replaceAll('\n', '\r\n')}`)).toBe(tidy);
});

test('documents that use aliases keep their order, so that each anchor stays before its alias', () => {
  const text = 'spec: &a { environment: dev }\nkind: Fleet\nmetadata: { name: x }\nx: *a\n';
  expect(formatted(text)).toBe(text);
});

test('JSON stays JSON', () => {
  const json =
    '{"kind":"Fleet","apiVersion":"molthub/v1","spec":{"tags":{},"environment":"dev"},"metadata":{"name":"a"}}';
  expect(formatted(json, 'f.json')).toBe(
    `${JSON.stringify(
      { apiVersion: 'molthub/v1', kind: 'Fleet', metadata: { name: 'a' }, spec: { environment: 'dev', tags: {} } },
      null,
      2,
    )}\n`,
  );
  expect(() => formatted('kind: Fleet\n', 'f.json')).toThrow('is named .json and is no JSON');
});

test('a line that is for the reader of YAML is refused', () => {
  expect(() => formatted('%YAML 1.2\n---\nkind: Fleet\n')).toThrow('starts with %');
});

const text = fc.stringMatching(/^[a-zA-Z0-9 :#'"*&!%@-]{0,12}$/);
const comment = fc.constantFrom('', '# a comment', '\n# after a blank line', '# one\n# two', '\n');
const fields = {
  apiVersion: fc.constant('molthub/v1'),
  kind: fc.constant('"Fleet"'),
  metadata: fc.constantFrom('{ name: a }', '\n  name: a', '\n    # inner\n    name: a'),
  spec: fc
    .tuple(text, text, comment, comment)
    .map(
      ([description, tag, before, between]) =>
        `\n${before.replaceAll(/^(?=#)/gm, '  ')}\n  tags: { a: ${JSON.stringify(tag)} }  # tags\n` +
        `${between.replaceAll(/^(?=#)/gm, '  ')}\n  description: ${JSON.stringify(description)}\n  environment: 'dev'`,
    ),
};
const documents = fc
  .array(
    fc
      .tuple(
        fc.shuffledSubarray(['apiVersion', 'kind', 'metadata', 'spec'] as const, { minLength: 1 }),
        fc.record(fields),
        fc.array(comment, { minLength: 5, maxLength: 5 }),
      )
      .map(([order, values, comments]) =>
        [...order.map((field, index) => `${comments[index]}\n${field}: ${values[field]}`), comments[4]].join('\n'),
      ),
    { minLength: 1, maxLength: 3 },
  )
  .map((all) => all.join('\n---\n'));

test('formatting twice is formatting once, and no comment is lost', () => {
  fc.assert(
    fc.property(documents, (written) => {
      const once = formatted(written);
      expect(formatted(once)).toBe(once);
      const comments = (all: string) => [...all.matchAll(/# (?:a comment|after|one|two|inner|tags)/g)].length;
      expect(comments(once)).toBe(comments(written));
    }),
    { numRuns: 300 },
  );
});
