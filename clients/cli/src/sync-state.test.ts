import { expect, test } from 'vitest';
import { isTriedAt, noteOf } from './sync-state.ts';

test('a note says where a problem is, and repeats nothing that was said of it', () => {
  const counts = { create: 0, change: 0, delete: 0, unchanged: 0, held: 0, impossible: 0 };
  const place = { repo: 'r', ref: 'main', path: 'ws', owner: 'o', commit: 'c', subject: 's', at: 'now' };
  const waiting = [{ path: 'bot/f/b', message: 'hunter2 is wrong', state: 'failed' as const }];
  const problems = [{ path: 'bot/f/a', message: "spec.config.x: 'hunter2' is no number", field: 'spec.config.x' }];
  const note = noteOf({ ...place, outcome: 'broken', counts, items: [], problems, waiting });
  expect(note).toMatchObject({
    outcome: 'broken',
    problems: [{ path: 'bot/f/a', field: 'spec.config.x' }],
    waiting: [{ path: 'bot/f/b', state: 'failed' }],
  });
  expect(JSON.stringify(note)).not.toContain('hunter2');
});

const place = { repo: 'https://u:p@h/r', ref: 'main', path: 'ws', owner: 'me', server: 'http://s' };
const tried = {
  ...place,
  repo: 'https://•••@h/r',
  commit: 'c',
  subject: 's',
  at: 'now',
  outcome: 'applied' as const,
  counts: { create: 0, change: 0, delete: 0, unchanged: 0, held: 0, impossible: 0 },
  problems: [],
  waiting: [],
};

test.each(['repo', 'ref', 'path', 'owner', 'server'] as const)(
  'what was tried for another %s is not tried here',
  (key) => {
    expect(isTriedAt(tried, place)).toBe(true);
    expect(isTriedAt(tried, { ...place, [key]: 'another' })).toBe(false);
  },
);
