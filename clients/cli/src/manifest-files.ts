// What the documents of files, folders and standard input ask for, checked.
import { setImmediate as turn } from 'node:timers/promises';
import { CliError } from './cli-error.ts';
import { isPolicyTest } from './check-document.ts';
import { type Desired, desiredOf, refuseDoubles } from './desired.ts';
import { readYaml, type YamlSource } from './read-yaml.ts';
import { sourceFiles } from './source-files.ts';
import { YamlError } from './yaml-documents.ts';

/** All documents of all paths, checked. */
export const desiredFrom = async (paths: readonly string[]): Promise<Desired[]> => {
  const desired = await desiredIn(await sourceFiles(paths));
  if (desired.length === 0) throw new CliError(`${paths.join(', ')}: nothing to apply`);
  return desired;
};

const checkedAtOnce = 20;

/** All documents of these texts, checked, but tests of packs; none is a valid answer. Throws a CliError at what is wrong with the first. */
export const desiredIn = async (sources: readonly YamlSource[]): Promise<Desired[]> => {
  const { documents, problems } = await readYaml(sources);
  const [problem] = problems;
  if (problem !== undefined) throw new YamlError(problem);
  const desired: Desired[] = [];
  for (const [index, document] of documents.filter((one) => !isPolicyTest(one)).entries()) {
    if (index % checkedAtOnce === 0) await turn();
    desired.push(desiredOf(document));
  }
  refuseDoubles(desired);
  return desired;
};
