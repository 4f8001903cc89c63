import { ConfigurableField, Manifest, Template } from '@molthub/contracts';
import { describe, expect, test } from 'vitest';
import { missingSecrets, namesIn, patchOf, valuesOf } from './fill.ts';

const field = (path: string, type: string, more: Record<string, unknown> = {}) =>
  ConfigurableField.parse({ path: `spec.config.${path}`, label: path, type, ...more });
const template = Template.parse({
  name: 'care',
  description: '',
  category: 'custom',
  engine: null,
  configurableFields: [
    field('model', 'string', { required: true }),
    field('limits.turns', 'number', { default: 5 }),
    field('limits.strict', 'boolean'),
    field('logging.level', 'select', { options: [{ value: 'info', label: 'Some' }], required: true, default: 'info' }),
    field('token', 'secret'),
  ],
  requiredSecrets: [{ name: 'ALWAYS', description: '' }],
  manifest: { spec: { config: { limits: { turns: 1, tools: 2 } } } },
});
const problemsOf = (values: Record<string, string | number | boolean>) =>
  valuesOf(template, values).problems.map(({ path, message }) => `${path}: ${message}`);

describe('the fields of a template', () => {
  test('have their defaults in its patch, without touching what it says beside them', () => {
    expect(patchOf(template)).toEqual({
      spec: { config: { limits: { turns: 5, tools: 2 }, logging: { level: 'info' } } },
    });
    expect(template.manifest).toEqual({ spec: { config: { limits: { turns: 1, tools: 2 } } } });
  });
  test('become a patch of what a bot fills in; a secret is a reference to it', () => {
    const { patch, problems } = valuesOf(template, {
      'spec.config.model': 'a/b',
      'spec.config.limits.turns': 9,
      'spec.config.token': 'MY_TOKEN',
    });
    expect(problems).toEqual([]);
    expect(patch).toEqual({ spec: { config: { model: 'a/b', limits: { turns: 9 }, token: '${MY_TOKEN}' } } });
  });
  test('refuse what does not fit, what is missing, and what is no field of it', () => {
    expect(problemsOf({})).toEqual(['spec.template.values["spec.config.model"]: Fill in "model".']);
    const model = { 'spec.config.model': 'a/b' };
    for (const wrong of [
      { 'spec.config.limits.turns': '9' },
      { 'spec.config.limits.strict': 'yes' },
      { 'spec.config.logging.level': 'debug' },
      { 'spec.config.token': 'sk-not a name' },
      { 'spec.config.other': 'x' },
    ]) {
      expect(problemsOf({ ...model, ...wrong }), JSON.stringify(wrong)).toHaveLength(1);
    }
    expect(problemsOf({ 'spec.config.model': 3 })).toEqual([
      'spec.template.values["spec.config.model"]: "model" is a text.',
    ]);
  });
  test('are at paths of keys only, and never at those that mean something to JavaScript', () => {
    expect(namesIn('spec.config.a')).toEqual(['spec', 'config', 'a']);
    for (const path of ['', 'spec.channels[0]', 'spec.*', 'spec.__proto__.x', 'spec.config.constructor', 'a..b']) {
      expect(namesIn(path), path).toBeNull();
    }
  });
});

test('secrets that the template or a value needs are declared by the bot', () => {
  const bot = (...names: string[]) =>
    Manifest.parse({
      apiVersion: 'molthub/v1',
      kind: 'MoltbotInstance',
      metadata: { name: 'anna' },
      spec: {
        runtime: { engine: 'simulated' },
        target: { kind: 'simulated' },
        secrets: names.map((name) => ({ name, provider: 'env', key: name })),
      },
    });
  const values = { 'spec.config.token': 'MY_TOKEN' };
  expect(missingSecrets(template, values, bot()).map(({ message }) => message)).toEqual([
    'The template needs the secret ALWAYS; declare it, with its provider and key.',
    'The template needs the secret MY_TOKEN; declare it, with its provider and key.',
  ]);
  expect(missingSecrets(template, values, bot('ALWAYS', 'MY_TOKEN'))).toEqual([]);
});
