// What people read of a change set: its plan before it starts, how far each wave is, what became different.
import pc from 'picocolors';
import type { ChangeSet, ChangeSetStatus, PlannedBot } from './answers.ts';
import { amount, cell, type Column, fields, status as coloured, table } from './output.ts';
import { printable } from './printable.ts';

/** Waves are counted from 1 for people, as messages of the server do; the API counts from 0. */
const waveText = (wave: number): string => String(wave + 1);

/** So many bots are named in a line of a plan. */
const namesMax = 8;

const wavesOf = (bots: readonly PlannedBot[]): readonly (readonly [number, readonly PlannedBot[]])[] =>
  [...Map.groupBy(bots, ({ wave }) => wave)].toSorted(([a], [b]) => a - b);

const namesIn = (bots: readonly PlannedBot[]): string => {
  const shown = bots.slice(0, namesMax).map(({ name }) => printable(name));
  return `${shown.join(', ')}${bots.length > namesMax ? ` and ${bots.length - namesMax} more` : ''}`;
};

/** Who moves in which wave, what to know of it, and the hash that names exactly this plan. */
export const planText = (changeSet: ChangeSet, bots: readonly PlannedBot[]): string => {
  const waves = wavesOf(bots);
  const { id, status, fleetName, planHash, notes, refused, refusedBots } = changeSet;
  const head = fields([
    ['change set', id],
    ['status', coloured(status)],
    ['fleet', cell(fleetName)],
    ['bots', `${bots.length} in ${amount(waves.length, 'wave')}`],
    ['strategy', strategyText(changeSet.strategy)],
    ['plan', cell(planHash)],
  ]);
  return [
    head,
    table(planColumns, waves),
    ...(notes.length === 0 ? [] : [notes.map((text) => `${pc.yellow('note')}  ${printable(text)}`).join('\n')]),
    ...(refused === 0 ? [] : [refusedText(refused, refusedBots)]),
  ].join('\n\n');
};

/** All that it says, but of its gates only which. */
const strategyText = ({ kind, gates, ...pace }: ChangeSet['strategy']): string =>
  printable(
    [
      kind,
      ...Object.entries(pace).map(([field, value]) => `${field} ${JSON.stringify(value)}`),
      ...(gates === undefined ? [] : [`gates ${Object.keys(gates).join(', ')}`]),
    ].join('; '),
  );

type Wave = readonly [number, readonly PlannedBot[]];
const planColumns: readonly Column<Wave>[] = [
  { title: 'WAVE', of: ([wave]) => waveText(wave) },
  { title: 'BOTS', of: ([, bots]) => String(bots.length) },
  { title: 'WHO', of: ([, bots]) => namesIn(bots) },
];

const refusedText = (refused: number, bots: ChangeSet['refusedBots']): string =>
  [
    `${amount(refused, 'bot')} left out:`,
    ...bots.map(({ botName, message }) => `  ${printable(botName)}  ${printable(message)}`),
  ].join('\n');

export type WaveProgress = {
  readonly wave: number;
  readonly bots: number;
  /** How many bots are so, by the states of a plan. */
  readonly states: Readonly<Record<string, number>>;
  readonly verdicts: ChangeSetStatus['verdicts'];
};

export const waveProgress = (seen: ChangeSetStatus, bots: readonly PlannedBot[]): readonly WaveProgress[] =>
  wavesOf(bots).map(([wave, members]) => ({
    wave,
    bots: members.length,
    states: Object.fromEntries(
      [...Map.groupBy(members, ({ state }) => state)].map(([state, ones]) => [state, ones.length]),
    ),
    verdicts: seen.verdicts.filter((verdict) => verdict.wave === wave),
  }));

const count = (title: string, state: string): Column<WaveProgress> => ({
  title,
  of: ({ states }) => String(states[state] ?? 0),
});
const progressColumns: readonly Column<WaveProgress>[] = [
  { title: 'WAVE', of: ({ wave }) => waveText(wave) },
  { title: 'BOTS', of: ({ bots }) => String(bots) },
  count('MOVED', 'CONVERGED'),
  count('ON THE WAY', 'RELEASED'),
  count('FAILED', 'FAILED'),
  count('SKIPPED', 'SKIPPED'),
  count('BACK', 'RESTORED'),
  {
    title: 'GATES',
    of: ({ verdicts }) => verdicts.map(({ gate, verdict }) => `${gate} ${coloured(verdict)}`).join(', ') || '–',
  },
];

export const statusText = (seen: ChangeSetStatus, waves: readonly WaveProgress[]): string => {
  const { total, updated, failed, remaining, percentage } = seen.progress;
  const open = seen.verdicts.filter(({ verdict }) => verdict !== 'PASS');
  return [
    fields([
      ['status', coloured(seen.status)],
      ['updated', `${updated} of ${total} (${percentage} %)`],
      ['failed', String(failed)],
      ['remaining', String(remaining)],
      ['current wave', typeof seen.currentWave === 'number' ? `${waveText(seen.currentWave)} of ${waves.length}` : '–'],
      ['can roll back', cell(seen.canRollback)],
      ['message', cell(seen.message || null)],
    ]),
    table(progressColumns, waves),
    ...(open.length === 0 ? [] : [open.map(verdictText).join('\n')]),
  ].join('\n\n');
};

type Verdict = ChangeSetStatus['verdicts'][number];
const verdictText = ({ wave, gate, verdict, message }: Verdict): string =>
  `wave ${waveText(wave)}  ${printable(gate)} ${coloured(verdict)}${message === '' ? '' : `  ${printable(message)}`}`;

/** What of a change set is another thing than when it was looked at before: a line each. */
export const newsOf = (id: string, before: ChangeSetStatus | undefined, now: ChangeSetStatus): readonly string[] => {
  const { currentWave, waves } = now;
  const known = new Set(before?.verdicts.map(said));
  const isAnother = now.status !== before?.status;
  return [
    ...(typeof currentWave === 'number' && currentWave !== before?.currentWave
      ? [`wave ${waveText(currentWave)}${waves === undefined ? '' : ` of ${waves}`}`]
      : []),
    ...now.verdicts.filter((verdict) => !known.has(said(verdict))).map(verdictText),
    ...(isAnother ? statusNews(id, now) : []),
  ];
};

/** A verdict's message counts, but not the numbers in it, which change at every look. */
const said = ({ wave, gate, verdict, message }: Verdict): string =>
  [wave, gate, verdict, message.replaceAll(/\d+/g, '#')].join(' ');

const statusNews = (id: string, { status, message }: ChangeSetStatus): readonly string[] => {
  const why = message === '' ? '' : `: ${printable(message)}`;
  switch (status) {
    case 'PLANNED':
    case 'APPROVED':
      return [`${coloured(status)}: molthub rollout start ${id} starts it`];
    case 'AWAITING_APPROVAL':
      return [`${coloured(status)}: somebody else runs molthub rollout approve ${id}`];
    case 'PAUSED':
      return [`${coloured(status)}${why}; molthub rollout resume ${id} goes on, and abort or rollback ends it`];
    case 'ROLLING_BACK':
      return [`${coloured(status)}${why}`];
    default:
      return [];
  }
};
