import { expect, test } from 'vitest';
import { toldOnce } from './cli-error.ts';

const problem = (path: string, message: string) => ({ path, code: 'c', message });
const secret = problem('spec.config.token', 'This looks like a secret.');
const other = problem('spec.b', 'Also wrong.');

test('a message that quotes its first problem gives way to it, since the problem names the path', () => {
  const message = 'bot/f/anna: The manifest is not accepted: This looks like a secret.';
  const told = { message: 'bot/f/anna: The manifest is not accepted', problems: [secret] };
  expect(toldOnce({ message, problems: [secret] })).toEqual(told);
  expect(toldOnce({ message: `${message} (and 1 more)`, problems: [secret, other] })).toEqual({
    ...told,
    problems: [secret, other],
  });
});

test('a problem that the message has in full is not told again, the others are', () => {
  const message = 'The path is not as expected: id: Invalid UUID.';
  const id = problem('id', 'Invalid UUID');
  expect(toldOnce({ message, problems: [id] })).toEqual({ message, problems: [] });
  expect(toldOnce({ message, problems: [id, other] })).toEqual({ message, problems: [other] });
});

test('a problem that is the whole message adds its path only', () => {
  const problems = [problem('a', 'Wrong.')];
  expect(toldOnce({ message: 'Wrong.', problems }).problems).toMatchObject([{ path: '', message: 'at a' }]);
  expect(toldOnce({ message: 'Wrong.', problems: [problem('', 'Wrong.')] }).problems).toEqual([]);
});

test('a message of its own stands above all problems', () => {
  expect(toldOnce({ message: 'Nothing was changed', problems: [secret, other, problem('x', 'was')] })).toEqual({
    message: 'Nothing was changed',
    problems: [secret, other, problem('x', 'was')],
  });
});
