import { expect, test } from 'vitest';
import { lint } from './lint.ts';
import { yamlDocuments } from './yaml-documents.ts';

const fleet = 'apiVersion: molthub/v1\nkind: Fleet\nmetadata: { name: support }\nspec:\n  environment: dev\n';
const bot =
  'apiVersion: molthub/v1\nkind: MoltbotInstance\nmetadata:\n  name: anna\n  fleet: support\nspec:\n' +
  '  runtime: { engine: openclaw, version: 2026.9.6 }\n  target: { kind: local }\n';
const found = (text: string) =>
  lint(yamlDocuments('f.yaml', text), []).map(
    ({ severity, line, path, message }) => `${line} ${severity} ${path}: ${message}`,
  );

test('right documents give nothing', () => {
  expect(found(`${fleet}---\n${bot}`)).toEqual([]);
});

test('a test of a pack is checked as such', () => {
  const test = (judge: string) =>
    `apiVersion: molthub/v1\nkind: PolicyTest\nmetadata: { name: t }\nspec:\n  ${judge}\n` +
    '  tests: [{ name: a, manifest: {}, expect: { valid: true } }]\n';
  expect(found(`${fleet}---\n${test('packId: builtin-security-baseline')}`)).toEqual([]);
  expect(found(test('{}').replace('  {}\n', ''))).toEqual(['4 error spec: write pack or packId']);
});

test('an unknown field is told at its line, with the one that was meant', () => {
  expect(found(fleet.replace('environment', 'enviroment'))).toEqual([
    '4 error spec.environment: use one of dev, staging, prod',
    "5 error spec.enviroment: there is no such field; did you mean 'environment'?",
  ]);
  expect(found(`${fleet}  colour: red\n`)).toEqual([
    '6 error spec.colour: there is no such field; remove it, or use one of environment, description, tags, release, enforcedPolicyPacks',
  ]);
});

test('a wrong value says what is there and what belongs there', () => {
  expect(found(`${fleet}  tags: [a]\n`)).toEqual(['6 error spec.tags: is a list; write a map']);
  expect(found(`${fleet}  description: ${'x'.repeat(1_001)}\n`)).toEqual([
    '6 error spec.description: is too large; at most 1000 characters',
  ]);
  expect(found(`${fleet}  description:\n`)).toEqual(['6 error spec.description: is nothing (null); write a text']);
  expect(found(fleet.replace('support', 'Support'))).toEqual([
    '3 error metadata.name: use a-z, 0-9 and single dashes, starting with a letter',
  ]);
});

test('a kind that is not known is told with the one that was meant', () => {
  expect(found(fleet.replace('Fleet', 'Flet'))).toEqual([
    "2 error kind: kind 'Flet' is not known; did you mean 'Fleet'?",
  ]);
  expect(found('a: 1\n')).toEqual([expect.stringContaining('1 error : no kind; it is one of PolicyPack, Fleet')]);
});

test('a version that is not pinned is an error, since every server refuses it', () => {
  expect(found(`${fleet}---\n${bot.replace(', version: 2026.9.6', '')}`)).toEqual([
    expect.stringContaining('13 error spec.runtime: no version; pin one exact version'),
  ]);
  expect(found(`${fleet}---\n${bot.replace('2026.9.6', 'latest')}`)).toEqual([
    expect.stringContaining('13 error spec.runtime.version: pin one exact version'),
  ]);
});

test('what a release strategy cannot be is told at its field', () => {
  const strategy = (text: string) => found(`${fleet}  release: { mode: manual, strategy: ${text} }\n`);
  expect(strategy('{ kind: CANARY, canary: { count: 1 }, steps: [30, 100], gates: { health: {} } }')).toEqual([]);
  expect(strategy('{ kind: CANARY, canary: { count: 1 }, step: [30, 100] }')).toEqual([
    "6 error spec.release.strategy.step: there is no such field; did you mean 'steps'?",
  ]);
  expect(strategy('{ kind: CANARY, steps: [30, 90] }')).toEqual([
    '6 error spec.release.strategy.canary: is missing',
    '6 error spec.release.strategy.steps: the last step must be 100',
  ]);
  expect(strategy('{ kind: CANRY }')).toEqual([
    '6 error spec.release.strategy.kind: use one of ALL, PERCENTAGE, CANARY, RINGS',
  ]);
});

test('what is doubtful is a warning', () => {
  expect(found(bot)).toEqual([
    expect.stringContaining("5 warning metadata.fleet: no document here describes the fleet 'support'"),
  ]);
  const secret = `${fleet}---\n${bot}  config: { channels: { telegram: { botToken: abc } } }\n`;
  expect(found(secret)).toEqual([
    expect.stringContaining('15 warning spec.config.channels.telegram.botToken: looks like a secret'),
  ]);
  expect(found(secret.replace('abc', '"${TELEGRAM_TOKEN}"'))).toEqual([]);
  const prod = `${fleet.replace('dev', 'prod')}  release: { mode: auto, strategy: { kind: ALL } }\n`;
  expect(found(prod)).toEqual([expect.stringContaining('6 warning spec.release.mode: every new version')]);
  expect(found(`${fleet}  tags: { molthub.dev/applied-from: me }\n`)).toEqual([
    expect.stringContaining('6 warning spec.tags.molthub.dev/applied-from'),
  ]);
});

test('a thing that is described twice is an error at the second place', () => {
  expect(found(`${fleet}---\n${fleet}`)).toEqual(['7 error : fleet/support is also described at f.yaml:1; keep one']);
});

test('findings come by file and line', () => {
  const documents = [...yamlDocuments('b.yaml', 'kind: X'), ...yamlDocuments('a.yaml', 'kind: Y')];
  const unread = [{ file: 'a.yaml', number: 2, line: 9, message: 'no YAML' }];
  expect(lint(documents, unread).map(({ file, line }) => `${file}:${line}`)).toEqual([
    'a.yaml:1',
    'a.yaml:9',
    'b.yaml:1',
  ]);
});
