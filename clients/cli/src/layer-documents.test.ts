import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CliError } from './cli-error.ts';
import { type DesiredLayer, desiredOf, titleOf } from './desired.ts';
import { fieldsOf, fleetNamesOf } from './layer-documents.ts';
import { desiredFrom } from './manifest-files.ts';
import { layerStep } from './plan.ts';
import { isLayer } from './read-plan.ts';
import { yamlDocuments } from './yaml-documents.ts';

const fleetId = '018f0000-0000-7000-8000-000000000001';
const idOf = (name: string) => (name === 'support' ? fleetId : undefined);
const read = (kind: string, spec: string): DesiredLayer => {
  const [desired] = yamlDocuments(
    'f.yaml',
    `apiVersion: molthub/v1\nkind: ${kind}\nmetadata: { name: quiet }\nspec: ${spec}`,
  ).map(desiredOf);
  if (!desired || !isLayer(desired)) throw new Error('no layer');
  return desired;
};
const profile = read('Profile', '{ fleets: [support], defaults: { spec: { config: { a: 1 } } } }');
const overlay = read(
  'Overlay',
  '{ target: { fleet: support }, patch: {}, schedule: { end: 2026-12-27T06:00, timeZone: UTC } }',
);

test('fleets are named in documents, and are ids to the server', () => {
  expect(fleetNamesOf(profile.layer)).toEqual(['support']);
  expect(fieldsOf(profile.layer, idOf)).toEqual({ defaults: { spec: { config: { a: 1 } } }, fleetIds: [fleetId] });
  expect(fieldsOf(overlay.layer, idOf)).toEqual({
    target: { fleetId },
    patch: {},
    schedule: { end: '2026-12-27T06:00', timeZone: 'UTC' },
  });
  expect(() => fieldsOf(profile.layer, () => undefined)).toThrow("there is no fleet 'support'");
  expect(titleOf(overlay)).toBe('overlay/quiet');
});

test('what a document leaves out stays as the server has it', () => {
  const wanted = fieldsOf(profile.layer, idOf);
  const existing = {
    id: fleetId,
    name: 'quiet',
    isBuiltin: false,
    priority: 7,
    lockedFields: ['spec.config.a'],
    ...wanted,
  };
  expect(layerStep(profile, wanted, undefined).action).toBe('create');
  expect(layerStep(profile, wanted, existing).action).toBe('unchanged');
  expect(layerStep(profile, wanted, { ...existing, defaults: { spec: { config: { a: 2 } } } })).toMatchObject({
    action: 'change',
    changes: [{ path: 'defaults.spec.config.a', from: 2, to: 1 }],
  });
  expect(layerStep(profile, wanted, { ...existing, isBuiltin: true }).action).toBe('impossible');
});

test.each([
  ['Profile', '{ defaults: {}, colour: blue }', /colour/],
  ['Profile', '{ fleets: [support] }', /defaults/],
  ['Overlay', '{ patch: {} }', /target/],
  ['Overlay', '{ patch: {}, target: { fleet: support, environment: dev } }', /target/],
  ['Template', '{ manifest: {}, configurableFields: [{ path: spec.config.a, label: A, type: colour }] }', /type/],
] as const)('a %s of %s is refused, by its field', (kind, spec, field) => {
  const refused = () => read(kind, spec);
  expect(refused).toThrow(CliError);
  const told = [];
  try {
    refused();
  } catch (error) {
    if (error instanceof CliError) told.push(...error.problems);
  }
  expect(told.map(({ path, message }) => `${path} ${message}`).join()).toMatch(field);
});

test('the example has one of each, and its bots are built from its template', async () => {
  const desired = await desiredFrom([fileURLToPath(new URL('../../../examples/layers.yaml', import.meta.url))]);
  expect(desired.map((one) => one.kind)).toEqual([
    'Fleet',
    'Template',
    'Profile',
    'Overlay',
    'Overlay',
    'MoltbotInstance',
    'MoltbotInstance',
  ]);
  for (const one of desired)
    if (one.kind === 'MoltbotInstance') expect(one.manifest.spec.template?.name).toBe('rehearsal-bot');
});
