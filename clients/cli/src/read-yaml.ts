// Files as documents, read by a thread of their own where they could take long.
import { Worker } from 'node:worker_threads';
import { type YamlDocument, yamlDocument, type YamlProblem } from './yaml-documents.ts';
import { readText, type Told } from './yaml-text.ts';
import type { FromYamlWorker } from './yaml-worker.ts';

export type YamlSource = { readonly file: string; readonly text: string };

export type ReadYaml = { readonly documents: readonly YamlDocument[]; readonly problems: readonly YamlProblem[] };

/** How long one document may take, and how much memory all of them together. */
const documentMsMax = 10_000;
const heapMbMax = 512;
/** So little cannot take long, and a thread would take longer to start. */
const smallCharactersMax = 4_096;

/**
 * The documents of all files in order, and what cannot be read of them. The caller's event loop is free meanwhile, and a
 * text that takes too long ends the reading with a problem.
 */
export const readYaml = async (sources: readonly YamlSource[]): Promise<ReadYaml> => {
  if (sources.reduce((sum, { text }) => sum + text.length, 0) <= smallCharactersMax) return readHere(sources);
  const worker = new Worker(new URL('yaml-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
  });
  try {
    return await readBy(worker, sources);
  } finally {
    await worker.terminate();
  }
};

const readHere = (sources: readonly YamlSource[]): ReadYaml => {
  const { tell, ...read } = gathered();
  for (const { file, text } of sources) readText(file, text, tell);
  return read;
};

const gathered = () => {
  const documents: YamlDocument[] = [];
  const problems: YamlProblem[] = [];
  const tell = (told: Told): void => {
    if (told.kind === 'document') documents.push(yamlDocument(told.file, told.document));
    else problems.push(told.problem);
  };
  return { documents, problems, tell };
};

const readBy = (worker: Worker, sources: readonly YamlSource[]): Promise<ReadYaml> =>
  new Promise((resolve) => {
    const { documents, problems, tell } = gathered();
    let finished = 0;
    const end = () => {
      clearTimeout(limit);
      resolve({ documents, problems });
    };
    const giveUp = (message: string) => {
      problems.push({ file: sources[finished]?.file ?? '', number: 1, line: 1, message });
      end();
    };
    const tooLong = `a document takes longer than ${documentMsMax / 1_000} s to read; split it, or write it plainer`;
    const limit = setTimeout(() => giveUp(tooLong), documentMsMax);
    worker.on('message', (message: FromYamlWorker) => {
      limit.refresh();
      if (message.kind === 'end') finished += 1;
      else tell(message);
      if (finished === sources.length) end();
    });
    worker.on('error', (error) => giveUp(`cannot be read: ${error.message}`));
    for (const source of sources) worker.postMessage(source, []);
  });
