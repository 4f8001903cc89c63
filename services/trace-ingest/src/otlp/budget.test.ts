import { expect, test } from 'vitest';
import { createBudget } from './budget.ts';

test('one holder gets half at most, and another finds room beside it', () => {
  const budget = createBudget(100);
  expect(budget.take('flood', 30)).toBe('taken');
  expect(budget.take('flood', 20)).toBe('taken');
  expect(budget.take('flood', 1)).toBe('more-than-share');
  expect(budget.take('other', 40)).toBe('taken');
  expect(budget.take('third', 11)).toBe('full');
  expect(budget.take('third', 10)).toBe('taken');
  expect(budget.taken()).toBe(100);
});

test('what is given back can be taken again', () => {
  const budget = createBudget(100);
  budget.take('flood', 50);
  budget.give('flood', 20);
  expect(budget.take('flood', 21)).toBe('more-than-share');
  expect(budget.take('flood', 20)).toBe('taken');
  budget.give('flood', 50);
  expect(budget.taken()).toBe(0);
});

test('what is larger than a share is taken from whoever holds nothing, and what is larger than all by itself', () => {
  const budget = createBudget(100);
  expect(budget.take('large', 70)).toBe('taken');
  expect(budget.take('other', 31)).toBe('full');
  budget.give('large', 70);
  expect(budget.take('huge', 1_000)).toBe('taken');
});
