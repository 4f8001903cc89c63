import { describe, expect, test } from 'vitest';
import { type Action, differencesOf, planActions } from './plan.ts';
import type { Desired, Observation, Running } from './target.ts';
import { desiredBot, simulatedManifest } from './target.conformance.ts';

const pinned = simulatedManifest();
const manifest = { ...pinned, spec: { ...pinned.spec, runtime: { engine: 'openclaw' as const, version: '2026.9.6' } } };
const desired = (more: Partial<Desired> = {}): Desired => ({ ...desiredBot(manifest), ...more });
const running = (more: Partial<Running> = {}): Running => ({
  is: 'running',
  endpoint: { url: 'http://127.0.0.1:1', pid: 1 },
  tokenReference: null,
  generation: desired().generation,
  hash: desired().hash,
  version: desired().resolved.spec.runtime.version ?? null,
  restarts: 0,
  channels: 'open',
  answers: 'yes',
  differences: [],
  ...more,
});
const down: Observation = { is: 'stopped', asAsked: false, detail: 'exited with 1', version: null };
const difference = { class: 'config', path: 'spec.config.a', desired: 1, observed: 2, owner: 'unknown' } as const;
const names = (actions: readonly Action[]) =>
  actions.map((action) => (action.kind === 'stop' ? action.how : action.kind));

describe('the plan', () => {
  const rows: readonly (readonly [string, Partial<Desired>, Observation, readonly string[]])[] = [
    [
      'a bot that is not there is installed, configured and started',
      {},
      { is: 'absent' },
      ['install', 'configure', 'start'],
    ],
    ['a bot that went down is started as it should be', {}, down, ['install', 'configure', 'start']],
    ['a bot that is right is left alone', {}, running(), []],
    ['a bot of an older generation is configured', {}, running({ generation: 0 }), ['configure']],
    ['a bot with another hash is configured', {}, running({ hash: 'sha256:other' }), ['configure']],
    [
      'a bot with a difference that no hash shows is configured',
      {},
      running({ differences: [difference] }),
      ['configure'],
    ],
    [
      'another version is installed before the old one stops',
      {},
      running({ version: '1.0.0' }),
      ['install', 'clean', 'configure', 'start'],
    ],
    ['a hung bot is killed and started', {}, running({ answers: 'no' }), ['hard', 'configure', 'start']],
    ['a bot that may still answer is waited for', {}, running({ answers: 'not-yet' }), []],
    ['a restart is done once', { restarts: 2 }, running({ restarts: 1 }), ['restart']],
    ['a restart already done is not done again', { restarts: 2 }, running({ restarts: 2 }), []],
    ['pausing cuts the channels', { run: 'PAUSED' }, running(), ['configure']],
    ['a paused bot stays paused', { run: 'PAUSED' }, running({ channels: 'cut' }), []],
    ['resuming opens the channels', {}, running({ channels: 'cut' }), ['configure']],
    ['a bot to be stopped is stopped', { run: 'STOPPED' }, running(), ['clean']],
    ['a hung bot to be stopped is killed', { run: 'STOPPED' }, running({ answers: 'no' }), ['hard']],
    ['a stopped bot to be stopped is left alone', { run: 'STOPPED' }, down, []],
    ['a retired bot is destroyed, running or not', { run: 'DESTROYED' }, down, ['destroy']],
    ['a destroyed bot is done', { run: 'DESTROYED' }, { is: 'absent' }, []],
    ['nothing is done to what cannot be seen', {}, { is: 'unknown', detail: 'no answer' }, []],
    ["nothing is done to what is not Molthub's", { run: 'DESTROYED' }, { is: 'foreign', detail: 'another pid' }, []],
  ];
  for (const [rule, asked, observed, actions] of rows) {
    test(rule, () => expect(names(planActions(desired(asked), observed))).toEqual(actions));
  }
});

describe('the differences', () => {
  const classes = (asked: Partial<Desired>, observed: Observation) =>
    differencesOf(desired(asked), observed).map((d) => `${d.class} ${d.path}`);
  test('of a bot that is right are none', () => expect(classes({}, running())).toEqual([]));
  test('of a bot that went down name its process', () => expect(classes({}, down)).toEqual(['process process']));
  test('of a hung bot name its process and nothing it cannot tell', () =>
    expect(differencesOf(desired(), running({ answers: 'no', hash: null }))).toMatchObject([{ observed: 'hung' }]));
  test('of a bot that is gone name it missing', () => expect(classes({}, { is: 'absent' })).toEqual(['missing bot']));
  test('of another hash are never empty', () => expect(classes({}, running({ hash: 'x' }))).toEqual(['config spec']));
  test('of what cannot be seen are none: unknown is no drift', () =>
    expect(classes({}, { is: 'unknown', detail: '' })).toEqual([]));
  test('of a stopped bot that someone started name its process', () =>
    expect(classes({ run: 'STOPPED' }, running())).toEqual(['process process']));
  test('of a stopped bot that stays down are none', () => expect(classes({ run: 'STOPPED' }, down)).toEqual([]));
});
