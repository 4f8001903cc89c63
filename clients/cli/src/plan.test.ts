import { expect, test } from 'vitest';
import { type DesiredBot, type DesiredFleet, desiredOf, refuseDoubles } from './desired.ts';
import { differences } from './differences.ts';
import { botStep, fleetStep } from './plan.ts';
import { yamlDocuments } from './yaml-documents.ts';

const fleetId = '018f0000-0000-7000-8000-000000000001';
const botId = '018f0000-0000-7000-8000-000000000002';
const read = (text: string) => yamlDocuments('f.yaml', text).map(desiredOf);
const fleet = (spec: string): DesiredFleet => {
  const [desired] = read(`apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: support }\nspec: ${spec}`);
  if (desired?.kind !== 'Fleet') throw new Error('not a fleet');
  return desired;
};
const bot = (config: string): DesiredBot => {
  const [desired] = read(
    `apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata: { name: anna, fleet: support }\n` +
      `spec:\n  target: { kind: local }\n  runtime: { version: 2026.9.6, engine: openclaw }\n  config: ${config}`,
  );
  if (desired?.kind !== 'MoltbotInstance') throw new Error('not a bot');
  return desired;
};
const existing = {
  id: fleetId,
  name: 'support',
  environment: 'dev' as const,
  status: 'ACTIVE',
  description: 'people',
  tags: { a: '1' },
  release: { mode: 'auto' as const, strategy: { kind: 'ALL' as const } },
};

test('what is not there is created', () => {
  expect(fleetStep(fleet('{ environment: dev }'), undefined).action).toBe('create');
  expect(botStep(bot('{}'), undefined).action).toBe('create');
});

test('fields a fleet document leaves out are not changed', () => {
  expect(fleetStep(fleet('{ environment: dev }'), existing)).toMatchObject({ action: 'unchanged', id: fleetId });
});

test('a changed field of a fleet is shown with both values', () => {
  expect(fleetStep(fleet('{ environment: dev, tags: { a: "2", b: x } }'), existing)).toMatchObject({
    action: 'change',
    changes: [
      { path: 'tags.a', from: '1', to: '2' },
      { path: 'tags.b', from: undefined, to: 'x' },
    ],
  });
});

test("a fleet's environment is not changed by an edit", () => {
  expect(fleetStep(fleet('{ environment: prod }'), existing)).toMatchObject({
    action: 'impossible',
    reason: expect.stringContaining('promotion'),
  });
});

test('a manifest is compared with defaults filled in, in any order of keys, wherever the bot lives', () => {
  const desired = bot('{ logging: { level: info } }');
  const stored = {
    kind: 'MoltbotInstance',
    apiVersion: 'molthub/v1',
    spec: {
      config: { logging: { level: 'info' } },
      runtime: { engine: 'openclaw', version: '2026.9.6' },
      target: { kind: 'local' },
    },
    metadata: { name: 'anna', workspace: 'default' },
  };
  expect(botStep(desired, { id: botId, manifest: stored })).toMatchObject({ action: 'unchanged', id: botId });
});

test('a changed configuration is a change at its path', () => {
  const step = botStep(bot('{ logging: { level: debug } }'), {
    id: botId,
    manifest: bot('{ logging: { level: info } }').manifest,
  });
  expect(step).toMatchObject({
    action: 'change',
    changes: [{ path: 'spec.config.logging.level', from: 'info', to: 'debug' }],
  });
});

test('another kind is refused by its name', () => {
  expect(() => read('apiVersion: molthub/v1\nkind: Toaster\n')).toThrow("line 2: kind 'Toaster' is not known");
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
        expect.objectContaining({ path: 'line 9: spec', message: 'Unrecognized key: "colour"' }),
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
