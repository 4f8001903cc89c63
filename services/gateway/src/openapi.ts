// Writes contracts/generated/openapi.json, or with --check says whether it is what the routes say.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { documentOf } from './openapi-document.ts';
import { allRoutes } from './routes/index.ts';

const path = join(import.meta.dirname, '../../../contracts/generated/openapi.json');

/** The document as it stands in the file; no handler runs, so nothing needs to be there. */
export const openApiText = (): string => {
  const routes = allRoutes(() => {
    throw new Error('A document is made without tickets.');
  });
  return `${JSON.stringify(documentOf(routes), null, 2)}\n`;
};

if (process.argv[1] === import.meta.filename) {
  const text = openApiText();
  if (process.argv.includes('--write')) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } else {
    const there = await readFile(path, 'utf8').catch(() => '');
    if (there !== text) {
      console.error(
        'contracts/generated/openapi.json is not what the routes say; run services/gateway/src/openapi.ts --write',
      );
      process.exitCode = 1;
    }
  }
}
