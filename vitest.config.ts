import { defineConfig } from 'vitest/config';

const shared = {
  setupFiles: ['./libs/testing/src/prototype-guard.ts'],
  // Embedded servers start inside these limits even on a busy two-core machine.
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    reporters: ['default', './libs/testing/src/closing-line-reporter.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.int.test.ts', 'e2e/**'],
          testTimeout: 20_000,
          // One kind after the other: real bots beside a fault test would measure the machine.
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'integration',
          include: ['{libs,services,clients,contracts,deploy,bench}/**/*.int.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 600_000,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
