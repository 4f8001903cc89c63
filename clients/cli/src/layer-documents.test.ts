import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CliError } from './cli-error.ts';
import { type Desired, desiredOf } from './desired.ts';
import { desiredFrom } from './manifest-files.ts';
import { stepFor } from './plan.ts';
import { yamlDocuments } from './yaml-documents.ts';

const read = (kind: string, spec: string): Desired => {
  const text = `apiVersion: molthub/v1\nkind: ${kind}\nmetadata: { name: quiet }\nspec: ${spec}`;
  const [desired] = yamlDocuments('f.yaml', text).map(desiredOf);
  if (!desired) throw new Error('no document');
  return desired;
};
const profile = read('Profile', '{ fleets: [support], defaults: { spec: { config: { a: 1 } } } }');

test('the fleets that a layer names have to be there', () => {
  const overlay = read('Overlay', '{ target: { fleet: support }, patch: {} }');
  const everywhere = read('Overlay', '{ target: { environment: dev }, patch: {} }');
  expect(profile.kind.referencesOf(profile.document)).toMatchObject([{ kind: 'Fleet', name: 'support' }]);
  expect(overlay.kind.referencesOf(overlay.document)).toMatchObject([{ kind: 'Fleet', name: 'support' }]);
  expect(everywhere.kind.referencesOf(everywhere.document)).toEqual([]);
  expect(overlay.title).toBe('overlay/quiet');
});

test('what a document leaves out stays as the server has it', () => {
  const current = (defaults: object, refusal?: string) => ({
    id: 'x',
    title: profile.title,
    document: {
      ...profile.document,
      spec: { fleets: ['support'], priority: 7, lockedFields: ['spec.config.a'], defaults },
    },
    refusal,
  });
  expect(stepFor(profile, undefined, undefined).action).toBe('create');
  expect(stepFor(profile, current({ spec: { config: { a: 1 } } }), undefined).action).toBe('unchanged');
  expect(stepFor(profile, current({ spec: { config: { a: 2 } } }), undefined)).toMatchObject({
    action: 'change',
    changes: [{ path: 'spec.defaults.spec.config.a', from: 2, to: 1 }],
  });
});

test.each([
  ['Profile', '{ defaults: {}, colour: blue }', /colour/],
  ['Profile', '{ fleets: [support] }', /defaults/],
  ['Overlay', '{ patch: {} }', /target/],
  ['Overlay', '{ patch: {}, target: { fleet: support, environment: dev } }', /target/],
  ['Template', '{ manifest: {}, configurableFields: [{ path: spec.config.a, label: A, type: colour }] }', /type/],
] as const)('a %s of %s is refused, by its field', (kind, spec, field) => {
  const told: string[] = [];
  try {
    read(kind, spec);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    told.push(...error.problems.map(({ path, message }) => `${path} ${message}`));
  }
  expect(told.join()).toMatch(field);
});

test('the example has one of each, and its bots are built from its template', async () => {
  const desired = await desiredFrom([fileURLToPath(new URL('../../../examples/layers.yaml', import.meta.url))]);
  const kinds = desired.map((one) => one.kind.kind);
  expect(kinds).toEqual(['Fleet', 'Template', 'Profile', 'Overlay', 'Overlay', 'MoltbotInstance', 'MoltbotInstance']);
  for (const bot of desired.slice(5)) {
    expect(bot.kind.referencesOf(bot.document)).toContainEqual(
      expect.objectContaining({ kind: 'Template', name: 'rehearsal-bot' }),
    );
  }
});
