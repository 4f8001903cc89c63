// One file's documents, told one by one; what cannot be read keeps no other from being read, up to a number.
import { CliError } from './cli-error.ts';
import { type Chunk, chunksOf, type ReadDocument, readChunk, YamlError, type YamlProblem } from './yaml-documents.ts';

export type Told =
  | { readonly kind: 'document'; readonly file: string; readonly document: ReadDocument }
  | { readonly kind: 'problem'; readonly problem: YamlProblem };

const problemsMax = 20;

export const readText = (file: string, text: string, tell: (told: Told) => void): void => {
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

const chunked = (file: string, text: string, tell: (told: Told) => void): readonly Chunk[] => {
  try {
    return chunksOf(file, text);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    tell({ kind: 'problem', problem: { file, number: 1, line: 1, message: error.message.replace(`${file}: `, '') } });
    return [];
  }
};
