import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { ChangeSet, ChangeSetStatus, PlannedBot } from './answers.ts';
import { isEnded } from './change-set.ts';
import { newsOf, planText, statusText, waveProgress } from './change-set-text.ts';

const id = '00000000-0000-4000-8000-000000000001';
const bot = (name: string, wave: number, state = 'PLANNED') =>
  PlannedBot.parse({
    botInstanceId: id,
    name,
    wave,
    state,
    before: null,
    after: { version: 1, hash: 'sha256:a' },
    message: '',
  });
const status = (more: object) =>
  ChangeSetStatus.parse({
    status: 'RUNNING',
    progress: { total: 3, updated: 1, failed: 0, remaining: 2, percentage: 33.3 },
    currentWave: 0,
    waves: 2,
    ...more,
  });
const verdict = (said: string, message = '') => ({ wave: 0, gate: 'HEALTH', verdict: said, message });
const plain = (text: string) => stripVTControlCharacters(text).split('\n');

test('a plan names its waves, its bots, its notes, who was left out, and its hash', () => {
  const changeSet = ChangeSet.parse({
    id,
    status: 'PLANNED',
    fleetId: id,
    fleetName: 'support',
    strategy: { kind: 'CANARY', canary: { count: 1 }, gates: { health: {}, traces: { looks: 3 } } },
    planHash: 'sha256:b',
    notes: ['Nothing is tried first.\u001b[2J'],
    refused: 1,
    refusedBots: [{ botId: id, botName: 'eve', code: 'x', message: 'denied' }],
    message: '',
  });
  const many = Array.from({ length: 10 }, (_, at) => bot(`b${at}`, 1));
  const lines = plain(planText(changeSet, [...many, bot('anna', 0)]));
  expect(lines).toEqual(
    expect.arrayContaining([
      'bots        11 in 2 waves',
      'strategy    CANARY; canary {"count":1}; gates health, traces',
      'plan        sha256:b',
      '1     1     anna',
      '2     10    b0, b1, b2, b3, b4, b5, b6, b7 and 2 more',
      'note  Nothing is tried first.',
      '1 bot left out:',
      '  eve  denied',
    ]),
  );
});

test('each wave says how many of its bots moved, and what its gates said', () => {
  const seen = status({ verdicts: [verdict('NO_DATA', 'nobody answers')] });
  const bots = [bot('anna', 0, 'CONVERGED'), bot('ben', 1, 'RELEASED'), bot('cleo', 1)];
  const lines = plain(statusText(seen, waveProgress(seen, bots)));
  expect(lines).toEqual(
    expect.arrayContaining([
      'current wave   1 of 2',
      '1     1     1      0           0       0        0     HEALTH NO_DATA',
      '2     2     0      1           0       0        0     –',
      'wave 1  HEALTH NO_DATA  nobody answers',
    ]),
  );
});

test('what is told meanwhile is a wave, a verdict or a status that is another one, and only once', () => {
  const first = status({ verdicts: [verdict('PASS', '1 of 1 bots')] });
  expect(newsOf(id, undefined, first).map(stripVTControlCharacters)).toEqual([
    'wave 1 of 2',
    'wave 1  HEALTH PASS  1 of 1 bots',
  ]);
  expect(newsOf(id, first, status({ verdicts: [verdict('PASS', '2 of 2 bots')] }))).toEqual([]);
  const paused = status({ status: 'PAUSED', currentWave: 1, verdicts: first.verdicts, message: 'lunch' });
  expect(newsOf(id, first, paused).map(stripVTControlCharacters)).toEqual([
    'wave 2 of 2',
    `PAUSED: lunch; molthub rollout resume ${id} goes on, and abort or rollback ends it`,
  ]);
});

test.each([
  ['PLANNED', false],
  ['AWAITING_APPROVAL', false],
  ['APPROVED', false],
  ['PAUSED', false],
  ['ROLLING_BACK', false],
  ['SUCCEEDED', true],
  ['EXPIRED', true],
  ['ROLLED_BACK', true],
])('a change set that is %s has ended: %s', (word, ended) => {
  expect(isEnded({ status: word })).toBe(ended);
});
