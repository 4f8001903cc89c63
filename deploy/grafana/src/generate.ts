// `node deploy/grafana/src/generate.ts --write`: writes the dashboards as Grafana reads them; without it, says which are stale.
import { argv, stdout } from 'node:process';
import { type GeneratedFiles, jsonFile, staleFiles, writeGenerated } from '@molthub/contracts/generated';
import { built } from './dashboard.ts';
import { dashboards } from './dashboards/all.ts';
import { folder } from './folder.ts';

export const owns = (name: string): boolean => name.endsWith('.json');

export const generate = (): GeneratedFiles =>
  Object.fromEntries(
    Object.entries(dashboards).map(([name, described]) => [`${name}.json`, jsonFile(built(described))]),
  );

if (import.meta.main) {
  const files = generate();
  if (argv.includes('--write')) {
    const written = await writeGenerated(folder, files, owns);
    stdout.write(`${written.length} of ${Object.keys(files).length} files changed\n`);
  } else {
    const stale = await staleFiles(folder, files, owns);
    if (stale.length > 0) {
      stdout.write(`Run \`node deploy/grafana/src/generate.ts --write\`; these are stale:\n${stale.join('\n')}\n`);
      process.exitCode = 1;
    }
  }
}
