import { Manifest, Simulation } from '@molthub/contracts';
import { expect, test } from 'vitest';
import { demoManifest, wavesManifest } from './demo-fleet.ts';

test('every bot of the demo is valid, and the fleet lives: some fail, some drift, some crash', () => {
  const simulations = Array.from({ length: 20 }, (_, index) => {
    const { spec } = Manifest.parse(demoManifest(index + 1));
    return Simulation.parse(spec.config['simulation']);
  });
  expect(simulations.every((simulation) => simulation.requestsPerMinute > 0)).toBe(true);
  expect(simulations.some((simulation) => simulation.errorRate > 0)).toBe(true);
  expect(simulations.some((simulation) => simulation.driftEveryS > 0)).toBe(true);
  expect(simulations.some((simulation) => simulation.crashEveryS > 0)).toBe(true);
});

test('a version that is not well differs in that alone', () => {
  const [well, unwell] = [true, false].map((isWell) => Manifest.parse(wavesManifest(1, { latencyMs: 120, isWell })));
  expect(Simulation.parse(well?.spec.config['simulation']).healthy).toBe(true);
  expect(unwell?.spec.config['simulation']).toEqual({ ...Object(well?.spec.config['simulation']), healthy: false });
});
