import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { strategyFrom, strategyOf } from './strategy-options.ts';

const examples = fileURLToPath(new URL('../../../examples/rollouts', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molthub-strategy-'));
});
afterAll(() => rm(folder, { recursive: true }));
const written = async (name: string, text: string) => {
  await writeFile(join(folder, name), text);
  return { strategy: join(folder, name) };
};

test('options say who goes first, in which steps and how fast', () => {
  expect(strategyOf({ canary: '1', steps: [30, 100], bake: 60, approvals: 2 })).toEqual({
    kind: 'CANARY',
    canary: { count: 1 },
    steps: [30, 100],
    bakeSeconds: 60,
    gates: { approval: { count: 2 } },
  });
  expect(strategyOf({ canary: '5%' })).toEqual({ kind: 'CANARY', canary: { percent: 5 } });
  expect(strategyOf({ canary: 'ring=a=b' })).toEqual({ kind: 'CANARY', canary: { labels: { ring: 'a=b' } } });
  expect(strategyOf({ steps: [50, 100], stratifyBy: 'tenant', onFailure: 'STOP' })).toEqual({
    kind: 'PERCENTAGE',
    steps: [50, 100],
    stratifyBy: 'tenant',
    onFailure: 'STOP',
  });
  expect(strategyOf({ rings: ['inner', '*'], ringLabel: 'ring' })).toEqual({
    kind: 'RINGS',
    label: 'ring',
    rings: ['inner', '*'],
  });
  expect(strategyOf({ maxParallel: 3 })).toEqual({ kind: 'ALL', maxParallel: 3 });
});

test('options that make no strategy are refused at their fields', () => {
  const problems = (options: Parameters<typeof strategyOf>[0]) => {
    try {
      strategyOf(options);
    } catch (error) {
      return error;
    }
    return undefined;
  };
  expect(problems({ steps: [30, 90] })).toMatchObject({
    exitCode: 2,
    problems: [{ path: 'steps', message: 'the last step must be 100' }],
  });
  expect(problems({ rings: ['a'], ringLabel: 'ring', steps: [50, 100] })).toMatchObject({ problems: [{ path: '' }] });
  expect(() => strategyOf({ rings: ['a'] })).toThrow('--ring-label');
  expect(() => strategyOf({ canary: 'some' })).toThrow("not 'some'");
  expect(() => strategyOf({ canary: '1', rings: ['a'], ringLabel: 'ring' })).toThrow('two strategies');
});

test('a file holds a strategy, or a request that has one; with nothing said there is none', async () => {
  expect(await strategyFrom({ strategy: `${examples}/percentage.json` })).toMatchObject({
    kind: 'PERCENTAGE',
    steps: [10, 30, 60, 100],
  });
  expect(await strategyFrom(await written('a.yaml', 'kind: CANARY\ncanary: { count: 2 }\n'))).toEqual({
    kind: 'CANARY',
    canary: { count: 2 },
  });
  expect(await strategyFrom({})).toBeUndefined();
});

test('what is wrong in a file is told at its line, and options do not add to one', async () => {
  const file = await written('b.yaml', 'name: x\nstrategy:\n  kind: CANARY\n  canary: { count: 1 }\n  bakeSecond: 3\n');
  await expect(strategyFrom(file)).rejects.toMatchObject({
    problems: [{ path: 'bakeSecond', message: expect.stringMatching(/did you mean 'bakeSeconds'\? \(line 5\)/) }],
  });
  await expect(strategyFrom({ ...file, bake: 3 })).rejects.toThrow('not in both');
  await expect(strategyFrom(await written('c.yaml', 'kind: ALL\n---\nkind: ALL\n'))).rejects.toThrow('one');
  await expect(strategyFrom(await written('d.yaml', '# nothing\n'))).rejects.toThrow('no strategy');
});
