import { canonicalHash } from '@molthub/manifest';
import { describe, expect, test } from 'vitest';
import { builtinPacks, builtinRevision, compiledBuiltins } from './builtin-packs.ts';
import { atOnce } from './gently.ts';
import { problemsOf } from './pack.ts';

describe('the packs that come with Molthub', () => {
  test.each(builtinPacks)('$id can be judged in every part', ({ rules }) => {
    expect(atOnce(problemsOf(rules))).toEqual([]);
  });
  test('are compiled whole', () => {
    expect(compiledBuiltins.flatMap(({ rules }) => rules.filter((rule) => 'refusal' in rule))).toEqual([]);
  });
  test('are published anew when they change: raise their version and builtinRevision, then this hash', () => {
    expect({ revision: builtinRevision, hash: canonicalHash(builtinPacks) }).toEqual({
      revision: 1,
      hash: 'sha256:55c35430f57a67925201fc32c72aa8557979507833bad915d72584bb9771bbb6',
    });
  });
});
