// A finding is opened and closed once each, in that order.
import type { CommandOf, CloseFinding, OpenFinding } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { findings } from './decider.ts';

const finding = {
  findingId: '0c1f2f6e-7f4a-8a3e-8c55-2b1f0a9d6e11',
  botId: 'ed80f38c-aca8-5c3f-b5ba-3c0b9132f297',
  fleetId: null,
  kind: 'RUNAWAY' as const,
  evidence: { calls: 41 },
};
const at = '2026-11-21T10:30:00.000Z';
const envelope = {
  id: '0193a000-0000-7000-8000-0000000000c1',
  workspace: 'default',
  actor: { kind: 'service', id: 'health', name: 'health' },
  correlationId: 'c',
  causationId: null,
  time: at,
  records: true,
} as const;
const open: CommandOf<typeof OpenFinding> = {
  ...envelope,
  type: 'health.finding.open.v1',
  data: { ...finding, severity: 'CRITICAL', title: 'A loop.', openedAt: at },
};
const close: CommandOf<typeof CloseFinding> = {
  ...envelope,
  type: 'health.finding.close.v1',
  data: { ...finding, closedAt: at },
};
const after = (...commands: readonly (typeof open | typeof close)[]) =>
  commands.reduce((state, command) => findings.decide(command, state).reduce(findings.evolve, state), findings.initial);

test('a finding is opened once, and closed once', () => {
  expect(findings.decide(open, findings.initial)).toEqual([{ type: 'health.finding.opened.v2', data: open.data }]);
  expect(findings.decide(open, after(open))).toEqual([]);
  expect(findings.decide(close, after(open))).toEqual([{ type: 'health.finding.closed.v2', data: close.data }]);
  expect(findings.decide(close, after(open, close))).toEqual([]);
});

test('what was never opened is not closed, and what is closed is not opened again', () => {
  expect(findings.decide(close, findings.initial)).toEqual([]);
  expect(findings.decide(open, after(open, close))).toEqual([]);
});

test('a finding of the first release is closed by a command of today', () => {
  const opened = { ...open.data, kind: 'RUNAWAY' as const };
  const state = findings.evolve(findings.initial, { type: 'health.finding.opened.v1', data: opened });
  expect(findings.decide(close, state)).toEqual([{ type: 'health.finding.closed.v2', data: close.data }]);
  const closed = { ...close.data, kind: 'RUNAWAY' as const };
  expect(findings.decide(open, findings.evolve(state, { type: 'health.finding.closed.v1', data: closed }))).toEqual([]);
});
