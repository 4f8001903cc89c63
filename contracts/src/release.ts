// `node contracts/src/release.ts [prefix of those that are still being made …]`: freezes every other event that is not
// frozen yet. From then on its sample is never edited, and its form may only change so that old readers can still read it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { jsonFile } from './generated-files.ts';
import { eventSchema } from './json-schema.ts';
import { events } from './registry.ts';
import { hashOfSample, readReleased, readSamples, releasedFile, releasedFolder, samplesFolder } from './samples.ts';

const released = await readReleased();
const samples = await readSamples();
const unfinished = argv.slice(2);
const fresh = events.filter(
  ({ type }) => !Object.hasOwn(released, type) && !unfinished.some((prefix) => type.startsWith(prefix)),
);
await mkdir(releasedFolder, { recursive: true });
const hashes: Record<string, string> = { ...released };
for (const event of fresh) {
  const sample = samples.get(event.type);
  if (sample === undefined) throw new Error(`${event.type} has no sample in contracts/samples.`);
  hashes[event.type] = hashOfSample(sample);
  await writeFile(join(releasedFolder, `${event.type}.json`), jsonFile(eventSchema(event)));
}
const sorted = Object.entries(hashes).toSorted(([a], [b]) => (a < b ? -1 : 1));
await writeFile(join(samplesFolder, releasedFile), jsonFile(Object.fromEntries(sorted)));
stdout.write(`${fresh.length} events released\n`);
