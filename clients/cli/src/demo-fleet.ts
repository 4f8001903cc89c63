// The simulated bots of the demo: a fleet in which always something happens, and the same one every time.
import type { Manifest } from '@molthub/contracts';

export const demoFleetName = 'demo';

/** The nth bot of the demo, from 1: some answer slowly, some fail, some drift, some crash. */
export const demoManifest = (n: number, latencyMs = 100 + ((n * 53) % 900)): Manifest => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: demoName(n), fleet: demoFleetName, labels: { demo: 'true' } },
  spec: {
    runtime: { engine: 'simulated' },
    target: { kind: 'simulated' },
    config: {
      simulation: {
        startMs: 100 + ((n * 97) % 1_500),
        applyMs: 20 + ((n * 31) % 300),
        requestsPerMinute: 6 + ((n * 7) % 30),
        errorRate: [0, 0, 0.02, 0.05, 0.2][n % 5] ?? 0,
        latencyMs,
        tokensPerRequest: 200 + ((n * 113) % 1_500),
        driftEveryS: n % 7 === 3 ? 60 + n : 0,
        crashEveryS: n % 11 === 5 ? 120 + n : 0,
      },
    },
  },
});

export const demoName = (n: number): string => `bot-${String(n).padStart(2, '0')}`;

/** A fleet of its own for rollouts in waves: its bots are well, so that what a rollout does to them is to be seen. */
export const wavesFleetName = 'demo-waves';
export const wavesBots = 6;

/** The nth of them, from 1; one that is not `isWell` says so a moment after it runs. */
export const wavesManifest = (n: number, { latencyMs, isWell }: { latencyMs: number; isWell: boolean }): Manifest => ({
  apiVersion: 'molthub/v1',
  kind: 'MoltbotInstance',
  metadata: { name: `crew-${n}`, fleet: wavesFleetName, labels: { demo: 'true' } },
  spec: {
    runtime: { engine: 'simulated' },
    target: { kind: 'simulated' },
    config: { simulation: { requestsPerMinute: 30, latencyMs, ...(isWell ? {} : { healthy: false }) } },
    healthCheck: { kind: 'engine', intervalS: 5, failuresMax: 1 },
  },
});
