// The golden samples on disk, and what was released of them.
import { hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const contracts = join(import.meta.dirname, '..');
export const samplesFolder = join(contracts, 'samples');
export const releasedFolder = join(contracts, 'released');
export const generatedFolder = join(contracts, 'generated');

/** Event type → hash of the sample's bytes, for every event that was ever released. */
export const releasedFile = 'released.json';
const Released = z.record(z.string(), z.string().regex(/^sha256:[0-9a-f]{64}$/));

export const readReleased = async (): Promise<Readonly<Record<string, string>>> =>
  Released.parse(JSON.parse(await readFile(join(samplesFolder, releasedFile), 'utf8')));

export const hashOfSample = (text: string): string => `sha256:${hash('sha256', text)}`;

/** Event type → text of its sample. */
export const readSamples = async (): Promise<ReadonlyMap<string, string>> => {
  const names = (await readdir(samplesFolder)).filter((name) => name.endsWith('.json') && name !== releasedFile);
  const texts = names.map(
    async (name) => [name.slice(0, -5), await readFile(join(samplesFolder, name), 'utf8')] as const,
  );
  return new Map(await Promise.all(texts));
};
