import { expect, test } from 'vitest';
import { referencePage } from './rule-reference.ts';

test('docs/policy.md says what the rule types say; else run `node services/policy/src/rule-reference.ts`', () => {
  const { present, wanted } = referencePage();
  expect(present).toBe(wanted);
});
