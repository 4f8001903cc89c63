import { expect, test } from 'vitest';
import { desiredOf } from './desired.ts';
import { labelled, labelsOf, ownerLabel, ownerOf, ownerRefusal, unlabelled } from './ownership.ts';
import { yamlDocuments } from './yaml-documents.ts';

const one = (text: string) => {
  const [document] = yamlDocuments('f.yaml', `apiVersion: molthub/v1\n${text}`);
  if (document === undefined) throw new Error('no document');
  return desiredOf(document);
};
const fleet = (tags = '') => one(`kind: Fleet\nmetadata: { name: a }\nspec: { environment: dev${tags} }`);
const bot = (labels = '') =>
  one(
    `kind: MoltbotInstance\nmetadata: { name: b, fleet: a${labels} }\n` +
      'spec: { runtime: { engine: simulated }, target: { kind: simulated } }',
  );
const pack = one(
  'kind: PolicyPack\nmetadata: { name: p }\nspec: { rules: [] }'.replace(
    '[]',
    '[{ id: a, type: required_field, config: { field: a } }]',
  ),
);
const after = ({ kind, document }: ReturnType<typeof fleet>, current?: ReturnType<typeof fleet>, owner?: string) =>
  labelsOf(kind, labelled(kind, document, current?.document, owner));

test('an owner labels what it creates', () => {
  expect(after(fleet(), undefined, 'me')).toEqual({ [ownerLabel]: 'me' });
  expect(after(bot(', labels: { x: y }'), undefined, 'me')).toEqual({ x: 'y', [ownerLabel]: 'me' });
});

test('a fleet that says nothing of tags keeps those of the server, and one that does keeps only the label', () => {
  expect(after(fleet(), fleet(', tags: { x: y }'), 'me')).toEqual({ x: 'y', [ownerLabel]: 'me' });
  expect(after(fleet(', tags: { z: z }'), fleet(', tags: { x: y }'), 'me')).toEqual({ z: 'z', [ownerLabel]: 'me' });
});

test('without an owner, whoever a thing belongs to keeps it', () => {
  const owned = `, tags: { x: y, ${ownerLabel}: me }`;
  expect(after(fleet(', tags: { z: z }'), fleet(owned))).toEqual({ z: 'z', [ownerLabel]: 'me' });
  expect(after(fleet(), fleet(owned))).toEqual({});
  expect(after(bot(), bot(`, labels: { x: y, ${ownerLabel}: me }`))).toEqual({ [ownerLabel]: 'me' });
  expect(after(bot(), bot())).toEqual({});
});

test('a kind without labels carries none', () => {
  expect(labelled(pack.kind, pack.document, undefined, 'me')).toBe(pack.document);
});

test('files do not say whose a thing is', () => {
  const { kind, document } = bot(`, labels: { ${ownerLabel}: me }`);
  expect(unlabelled(kind, document)).toEqual(bot().document);
  const kept = fleet(`, tags: { x: y, ${ownerLabel}: me }`);
  expect(labelsOf(kept.kind, unlabelled(kept.kind, kept.document))).toEqual({ x: 'y' });
});

test('what belongs to another is refused by name', () => {
  const { kind, title, document } = fleet();
  const theirs = { id: '1', title, document: fleet(`, tags: { ${ownerLabel}: them }`).document };
  expect(ownerRefusal(kind, document, theirs, 'me')).toContain('it belongs to them, not to me');
  expect(ownerRefusal(kind, document, theirs, 'them')).toBeUndefined();
  expect(ownerRefusal(kind, document, theirs, undefined)).toBeUndefined();
  expect(ownerRefusal(kind, theirs.document, undefined, 'me')).toContain('remove the label');
});

test('an owner is a plain name', () => {
  expect(ownerOf('team-a/workspaces_1.x')).toBe('team-a/workspaces_1.x');
  for (const name of ['', 'a b', '-a', 'a/', 'ä', 'x'.repeat(101), 'a\n'])
    expect(() => ownerOf(name)).toThrow('is no owner');
});
