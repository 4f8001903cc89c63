// `npm start`, `npm test` and the other verbs: brings the toolchain along, then runs what the verb stands for.
// Plain JavaScript without dependencies, because it must run on a machine that has only Node 20 and npm.
import { ready, run } from './toolchain.mjs';

/** What each verb runs, in order; the first step that fails ends it. */
const verbs = {
  start: (args) => [{ node: ['services/molthub/src/main.ts', 'up', ...args] }],
  demo: (args) => [{ node: ['clients/cli/src/main.ts', 'demo', ...args] }],
  bench: (args) => [{ node: ['bench/src/main.ts', ...args] }],
  test: (args) => [{ tool: 'vitest', args: ['run', ...args] }],
  check: () => [
    { tool: 'tsc', args: ['--noEmit'] },
    { tool: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
    { tool: 'biome', args: ['format', '.'] },
    { tool: 'knip', args: ['--no-config-hints'] },
    { node: ['contracts/src/generate.ts', '--check'] },
    { node: ['services/gateway/src/openapi.ts', '--check'] },
    { tool: 'vitest', args: ['run', '--project', 'unit', 'architecture.test.ts'] },
  ],
};

const [verb = 'start', ...args] = process.argv.slice(2);
if (!Object.hasOwn(verbs, verb)) {
  console.error(`molthub: unknown verb '${verb}'; use one of ${Object.keys(verbs).join(', ')}.`);
  process.exit(2);
}
const node = ready();
for (const step of verbs[verb](args)) {
  const code = await run(node, step);
  if (code !== 0) process.exit(code);
}
