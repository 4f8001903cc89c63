// The thread that reads YAML: a hostile text takes its time here, and the program goes on meanwhile.
import { parentPort } from 'node:worker_threads';
import { z } from 'zod';
import { readText, type Told } from './yaml-text.ts';

const Source = z.object({ file: z.string(), text: z.string() });

export type FromYamlWorker = Told | { readonly kind: 'end' };

parentPort?.on('message', (message: unknown) => {
  const { file, text } = Source.parse(message);
  const tell = (answer: FromYamlWorker): void => parentPort?.postMessage(answer, []);
  readText(file, text, tell);
  tell({ kind: 'end' });
});
