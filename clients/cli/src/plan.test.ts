import { expect, test } from 'vitest';
import { type Desired, desiredOf, refuseDoubles } from './desired.ts';
import { differences } from './differences.ts';
import type { Current } from './document-kind.ts';
import { documentKinds } from './document-kinds.ts';
import { stepFor } from './plan.ts';
import { yamlDocuments } from './yaml-documents.ts';

const read = (text: string) => yamlDocuments('f.yaml', text).map(desiredOf);
const one = (text: string): Desired => {
  const [desired] = read(text);
  if (desired === undefined) throw new Error('no document');
  return desired;
};
const fleet = (spec: string) => one(`apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: support }\nspec: ${spec}`);
const bot = (config: string, metadata = '') =>
  one(
    `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: anna, fleet: support${metadata} }\n` +
      `spec:\n  target: { kind: local }\n  runtime: { version: 2026.9.6, engine: openclaw }\n  config: ${config}`,
  );
const there = ({ title, document }: Desired): Current => ({ id: '018f', title, document });
const existing = there(
  fleet(
    '{ environment: dev, description: people, tags: { a: "1" }, release: { mode: auto, strategy: { kind: ALL } } }',
  ),
);

test('what is not there is created', () => {
  expect(stepFor(fleet('{ environment: dev }'), undefined).action).toBe('create');
  expect(stepFor(bot('{}'), undefined).action).toBe('create');
});

test('fields a fleet document leaves out are not changed', () => {
  expect(stepFor(fleet('{ environment: dev }'), existing)).toMatchObject({ action: 'unchanged' });
});

test('packs that a fleet enforces are named, those of Molthub by their id', () => {
  const enforcing = fleet('{ environment: dev, enforcedPolicyPacks: [house-rules, builtin-security-baseline] }');
  expect(enforcing.kind.referencesOf(enforcing.document)).toEqual([
    { kind: 'PolicyPack', name: 'house-rules', path: ['spec', 'enforcedPolicyPacks', 0] },
  ]);
  expect(stepFor(enforcing, existing)).toMatchObject({ action: 'change' });
  const unnamed = '{ environment: dev, enforcedPolicyPacks: [5b7c1d0e-8f5d-4a7e-9a56-1f2a3b4c5d6e] }';
  expect(() => fleet(unnamed)).toThrow();
});

test('a changed field of a fleet is shown with both values', () => {
  expect(stepFor(fleet('{ environment: dev, tags: { a: "2", b: x } }'), existing)).toMatchObject({
    action: 'change',
    changes: [
      { path: 'spec.tags.a', from: '1', to: '2' },
      { path: 'spec.tags.b', from: undefined, to: 'x' },
    ],
  });
});

test('what the server has to say against it makes a step impossible', () => {
  const refusal = 'a fleet moves by promotion';
  expect(stepFor(fleet('{ environment: prod }'), { ...existing, refusal })).toMatchObject({
    action: 'impossible',
    reason: refusal,
  });
});

test('a manifest is compared with defaults filled in, in any order of keys, wherever the bot lives', () => {
  const desired = bot('{ logging: { level: info } }');
  const { apiVersion, kind, metadata, spec } = desired.document;
  const stored = { kind, spec: Object.fromEntries(Object.entries(spec).reverse()), metadata, apiVersion };
  const elsewhere = bot('{ logging: { level: info } }', ', workspace: default, environment: dev');
  expect(stepFor(elsewhere, { id: '018f', title: desired.title, document: stored }).action).toBe('unchanged');
});

test('of a bot, what a document leaves out is left out', () => {
  const labelled = there(bot('{}', ', labels: { team: care }'));
  expect(stepFor(bot('{}'), labelled)).toMatchObject({
    action: 'change',
    changes: [{ path: 'metadata.labels', from: { team: 'care' }, to: undefined }],
  });
});

test('a changed configuration is a change at its path', () => {
  expect(stepFor(bot('{ logging: { level: debug } }'), there(bot('{ logging: { level: info } }')))).toMatchObject({
    action: 'change',
    changes: [{ path: 'spec.config.logging.level', from: 'info', to: 'debug' }],
  });
});

test('kinds stand below what they refer to', () => {
  const places = new Map(documentKinds.map(({ kind }, place) => [kind, place]));
  const { kind, document } = bot('{}');
  for (const reference of kind.referencesOf(document)) {
    expect(places.get(reference.kind)).toBeLessThan(places.get(kind.kind) ?? -1);
  }
});

test('another kind is refused by its name', () => {
  expect(() => read('apiVersion: molthub/v1\nkind: Balloon\n')).toThrow("line 2: kind 'Balloon' is not known");
  expect(() => read('apiVersion: molthub/v1\n')).toThrow('no kind');
});

test('a document that breaks the schema says which line and which field', () => {
  const text =
    'apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: anna, fleet: support }\n' +
    'spec:\n  runtime:\n    engine: openclaw\n    version: latest\n  target: { kind: local }\n  colour: red\n';
  expect(() => read(text)).toThrow(
    expect.objectContaining({
      message: 'f.yaml: document 1 is not valid',
      problems: [
        expect.objectContaining({ path: 'line 7: spec.runtime.version' }),
        expect.objectContaining({
          path: 'line 9: spec.colour',
          message: expect.stringMatching(/^there is no such field/),
        }),
      ],
    }),
  );
});

test('a bot document names its fleet', () => {
  expect(() => read('kind: MoltbotInstance\napiVersion: molthub/v1\nmetadata: { name: anna }')).toThrow(
    expect.objectContaining({
      problems: expect.arrayContaining([expect.objectContaining({ path: 'line 3: metadata.fleet' })]),
    }),
  );
});

test('two documents about one thing are refused', () => {
  const documents = '---\napiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: a }\nspec: { environment: dev }\n';
  expect(() => refuseDoubles(read(documents + documents))).toThrow(
    'document 2, line 7: fleet/a is also described at f.yaml: document 1, line 2',
  );
});

test('lists of the same length differ where they differ, others as a whole', () => {
  expect(differences({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toEqual([{ path: 'a[1].b', from: 2, to: 3 }]);
  expect(differences([1], [1, 2])).toEqual([{ path: '', from: [1], to: [1, 2] }]);
  expect(differences({ a: null }, { a: {} })).toEqual([{ path: 'a', from: null, to: {} }]);
});
