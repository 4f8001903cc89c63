import { readFileSync } from 'node:fs';
import { Manifest } from '@molthub/contracts';
import { canonicalHash, resolve } from '@molthub/manifest';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { builtinPacks, builtinRevision, compiledBuiltins } from './builtin-packs.ts';
import { judging } from './evaluate.ts';
import { atOnce } from './gently.ts';
import { problemsOf } from './pack.ts';

const botsIn = (file: string): readonly Manifest[] =>
  parseAllDocuments(readFileSync(new URL(`../../../examples/${file}`, import.meta.url), 'utf8'))
    .map((document): unknown => document.toJS())
    .flatMap((value) => Manifest.safeParse(value).data ?? []);

describe.each(['dev', 'staging', 'prod'] as const)('in %s', (environment) => {
  const judge = (manifest: Manifest) => {
    const resolved = resolve(manifest, { workspace: 'default', fleetName: 'x', environment });
    return atOnce(judging(compiledBuiltins, resolved, { environment, point: 'plan' }));
  };
  test.each(['first-bot.yaml', 'first-bot-debug.yaml'])('the bot of examples/%s is at most warned', (file) => {
    const bots = botsIn(file);
    expect(bots).toHaveLength(1);
    for (const bot of bots) expect(judge(bot)).toMatchObject({ valid: true, violations: [] });
  });
  test('a simulated bot is not even warned', () => {
    const bots = botsIn('simulated-fleet.yaml');
    expect(bots).toHaveLength(3);
    for (const bot of bots) expect(judge(bot)).toMatchObject({ valid: true, violations: [], warnings: [] });
  });
});

describe('the packs that come with Molthub', () => {
  test.each(builtinPacks)('$id can be judged in every part', ({ rules }) => {
    expect(atOnce(problemsOf(rules))).toEqual([]);
  });
  test('are compiled whole', () => {
    expect(compiledBuiltins.flatMap(({ rules }) => rules.filter((rule) => 'refusal' in rule))).toEqual([]);
  });
  test('are published anew when they change: raise their version and builtinRevision, then this hash', () => {
    expect({ revision: builtinRevision, hash: canonicalHash(builtinPacks) }).toEqual({
      revision: 3,
      hash: 'sha256:f1805f590fdecab73998831a796caa480f1f83d0015eb8416aac462de862233e',
    });
  });
});
