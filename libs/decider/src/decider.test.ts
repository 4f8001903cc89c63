import { AssertionError } from 'node:assert/strict';
import { expect, test } from 'vitest';
import { type Decider, fold, unreachable } from './decider.ts';
import { Rejected } from './rejected.ts';
import { specification } from './testing.ts';

type Fact = { readonly type: 'opened' } | { readonly type: 'closed' };
const door: Decider<'open' | 'shut', 'open' | 'close' | 'kick', Fact> = {
  initial: 'shut',
  decide: (command, state) => {
    if (command === 'kick') throw new Rejected('door.kicked', 'Do not kick the door.', []);
    if (command === 'open') return state === 'open' ? [] : [{ type: 'opened' }];
    return state === 'shut' ? [] : [{ type: 'closed' }];
  },
  evolve: (_, fact) => (fact.type === 'opened' ? 'open' : 'shut'),
};
const { given } = specification<'open' | 'shut', 'open' | 'close' | 'kick', Fact>(door);

test('folding goes from the first fact to the last, from any state', () => {
  const facts: readonly Fact[] = [{ type: 'opened' }, { type: 'closed' }, { type: 'opened' }];
  expect(fold(door, facts)).toBe('open');
  expect(fold(door, [], 'open')).toBe('open');
});

test('a specification holds where the decider does as it says', () => {
  given().when('open').then({ type: 'opened' });
  given({ type: 'opened' }).when('open').thenNothing();
  given({ type: 'opened' }).when('close').thenTypes('closed');
  given().when('kick').rejects('door.kicked');
  expect(given({ type: 'opened' }).state()).toBe('open');
});

test('a specification fails where the decider does otherwise', () => {
  expect(() => given().when('open').thenNothing()).toThrow(AssertionError);
  expect(() => given().when('close').then({ type: 'closed' })).toThrow(AssertionError);
  expect(() => given().when('open').thenTypes('closed')).toThrow(AssertionError);
  expect(() => given().when('open').rejects('door.kicked')).toThrow(AssertionError);
  expect(() => given().when('kick').rejects('door.other')).toThrow(AssertionError);
});

test('a case that was forgotten says so', () => {
  const forgotten = (value: never) => unreachable(value);
  expect(() => Reflect.apply(forgotten, undefined, [{ kind: 'new' }])).toThrow('No case handles {"kind":"new"}.');
});
