// The thread that reads YAML: a hostile text takes its time here, and the program goes on meanwhile.
import { parentPort } from 'node:worker_threads';
import { z } from 'zod';
import { CliError } from './cli-error.ts';
import { type Chunk, chunksOf, type ReadDocument, readChunk, YamlError, type YamlProblem } from './yaml-documents.ts';

const Source = z.object({ file: z.string(), text: z.string() });

export type FromYamlWorker =
  | { readonly kind: 'document'; readonly file: string; readonly document: ReadDocument }
  | { readonly kind: 'problem'; readonly problem: YamlProblem }
  | { readonly kind: 'end' };

const problemsMax = 20;

/** A document that cannot be read keeps no other from being read, up to a number. */
const readFile = (file: string, text: string, tell: (message: FromYamlWorker) => void): void => {
  let problems = 0;
  for (const chunk of chunked(file, text, tell)) {
    try {
      tell({ kind: 'document', file, document: readChunk(file, chunk) });
    } catch (error) {
      if (!(error instanceof YamlError)) throw error;
      tell({ kind: 'problem', problem: error.problem });
      problems += 1;
      if (problems === problemsMax) return;
    }
  }
};

const chunked = (file: string, text: string, tell: (message: FromYamlWorker) => void): readonly Chunk[] => {
  try {
    return chunksOf(file, text);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    tell({ kind: 'problem', problem: { file, number: 1, line: 1, message: error.message.replace(`${file}: `, '') } });
    return [];
  }
};

parentPort?.on('message', (message: unknown) => {
  const { file, text } = Source.parse(message);
  const tell = (answer: FromYamlWorker): void => parentPort?.postMessage(answer, []);
  readFile(file, text, tell);
  tell({ kind: 'end' });
});
