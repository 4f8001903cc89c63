// `node contracts/src/generate.ts [--check]`: writes AsyncAPI and JSON Schemas, or fails if they are not what is committed.
import { argv, stdout } from 'node:process';
import { asyncApi } from './asyncapi.ts';
import { type GeneratedFiles, jsonFile, staleFiles, writeGenerated } from './generated-files.ts';
import { commandSchema, eventSchema, readModelSchema } from './json-schema.ts';
import { commands, events, readModels } from './registry.ts';
import { generatedFolder, readSamples } from './samples.ts';

/** Everything below `contracts/generated` but what other generators put there (`openapi.json` is the gateway's). */
export const ownsGenerated = (name: string): boolean => name === 'asyncapi.json' || name.startsWith('json-schema/');

export const generate = async (): Promise<GeneratedFiles> => {
  const samples = new Map(
    [...(await readSamples())].map(([type, text]): [string, unknown] => [type, JSON.parse(text)]),
  );
  const schemas = [
    ...events.map((event) => [`events/${event.type}`, eventSchema(event)] as const),
    ...commands.map((command) => [`commands/${command.type}`, commandSchema(command)] as const),
    ...readModels.map((model) => [`read-models/${model.service}.${model.name}`, readModelSchema(model)] as const),
  ];
  return {
    'asyncapi.json': jsonFile(asyncApi(samples)),
    ...Object.fromEntries(schemas.map(([name, schema]) => [`json-schema/${name}.json`, jsonFile(schema)])),
  };
};

if (import.meta.main) {
  const files = await generate();
  if (argv.includes('--check')) {
    const stale = await staleFiles(generatedFolder, files, ownsGenerated);
    if (stale.length > 0) {
      stdout.write(`Run \`node contracts/src/generate.ts\`; these are stale:\n${stale.join('\n')}\n`);
      process.exitCode = 1;
    }
  } else {
    const written = await writeGenerated(generatedFolder, files, ownsGenerated);
    stdout.write(`${written.length} of ${Object.keys(files).length} files changed\n`);
  }
}
