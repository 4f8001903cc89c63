import { expect, test } from 'vitest';
import { createCursors } from './cursor.ts';

const cursors = createCursors(Buffer.alloc(32, 1));
const place = ['2026-11-21 10:00:00.123456+00', 'a'];

test('a cursor leads back to its place', () => {
  expect(cursors.read('fleets', cursors.issue('fleets', place))).toEqual(place);
});

test('sec-058: a cursor that was edited, made for another list, or signed with another key is refused', () => {
  const cursor = cursors.issue('fleets', place);
  const [payload = '', signature = ''] = cursor.split('.');
  const forged = Buffer.from(JSON.stringify(["'; drop table fleets --", 'a'])).toString('base64url');
  const foreign = createCursors(Buffer.alloc(32, 2)).issue('fleets', place);
  const wrong = [
    `${forged}.${signature}`,
    `${payload}.`,
    payload,
    '',
    '.',
    `${cursor}.x`,
    `${cursor}A`,
    foreign,
    'x'.repeat(5_000),
  ];
  for (const text of wrong) expect(() => cursors.read('fleets', text), text).toThrow(/not one of this list/);
  expect(() => cursors.read('bots', cursor)).toThrow(/not one of this list/);
});
