import { platformWorkspace } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import { expect, test } from 'vitest';
import { type HoldCommand, holdDecider, type HoldFact } from './decider.ts';

const fleetId = '0198c0de-0000-7000-8000-00000000f1ee';
const about = { workspace: platformWorkspace, correlationId: '', causationId: null, records: true, id: fleetId };
const actor = { kind: 'service', id: 'r', name: 'r' } as const;
const time = '2026-11-21T10:00:00.000Z';
const hold: HoldCommand = {
  ...about,
  actor,
  time,
  type: 'reconciler.healing.hold.v1',
  data: { fleetId, drifted: 30, bots: 50, shareMax: 0.5 },
};
const resume = (isOver: boolean): HoldCommand => ({
  ...about,
  actor,
  time,
  type: 'reconciler.healing.resume.v1',
  data: { fleetId, reason: '', isOver },
});
const after = (...commands: readonly HoldCommand[]) => {
  const facts: HoldFact[] = [];
  for (const command of commands) {
    facts.push(...holdDecider.decide(command, facts.reduce(holdDecider.evolve, holdDecider.initial)));
  }
  return facts.map(({ type }) => type.split('.').at(-2));
};

test('a fleet is held once and resumed once', () =>
  expect(after(hold, hold, resume(true), resume(true), hold)).toEqual(['held', 'resumed', 'held']));
test('a person who resumes what is not held is told so', () => {
  expect(() => after(resume(false))).toThrow(Rejected);
  expect(() => after(hold, resume(false), resume(false))).toThrow('nothing to resume');
});
