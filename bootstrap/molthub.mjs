#!/usr/bin/env node
// `npx molthub …` inside the repository: the CLI on Node 24, in the folder it was called from.
import { join } from 'node:path';
import { ready, root, run } from './toolchain.mjs';

process.exit(
  await run(ready(), { node: [join(root, 'clients/cli/src/main.ts'), ...process.argv.slice(2)], here: true }),
);
