import { describe, expect, test } from 'vitest';
import { Simulation } from './manifest.ts';

const messages = (simulation: Readonly<Record<string, unknown>>) =>
  Simulation.safeParse(simulation).error?.issues.map((issue) => issue.message) ?? [];

describe('a simulated bot', () => {
  test.each(['driftEveryS', 'crashEveryS'])('has %s of 0 for never, or of a second to a year', (field) => {
    const taken = [0, 1, 1.5, 31_536_000].filter((seconds) => messages({ [field]: seconds }).length === 0);
    expect(taken).toEqual([0, 1, 1.5, 31_536_000]);
    for (const seconds of [1e-8, 0.999, -1, 31_536_001, 1e308]) {
      expect(messages({ [field]: seconds })).toEqual([`${field}: use 0 for never, or 1 to 31,536,000 seconds`]);
    }
  });

  test.each([
    ['startMs', 600_000],
    ['applyMs', 600_000],
    ['latencyMs', 600_000],
    ['requestsPerMinute', 6_000],
    ['tokensPerRequest', 1_000_000],
  ])('has %s of %d at most', (field, most) => {
    expect(messages({ [field]: most })).toEqual([]);
    expect(messages({ [field]: most + 1 })).toHaveLength(1);
    expect(messages({ [field]: -1 })).toHaveLength(1);
  });
});
