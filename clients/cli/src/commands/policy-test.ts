// Judges manifests by a pack, in the server's own words, and compares with what its tests expect.
import { writeFile } from 'node:fs/promises';
import { Evaluation } from '@molthub/contracts';
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { CliError, exitCodes } from '../cli-error.ts';
import type { Client } from '../client.ts';
import { concurrently } from '../concurrently.ts';
import { codeOf } from '../connection.ts';
import { type CaseResult, junit, type Suite } from '../junit.ts';
import { amount } from '../output.ts';
import {
  type Case,
  inTest,
  type Judge,
  manifestOf,
  type PolicyTest,
  policyTestsFrom,
  requireRules,
} from '../policy-tests.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';

const asksAtOnce = 8;

export const test = async (files: readonly string[], options: { junit?: string }, command: Command): Promise<void> => {
  const tests = await policyTestsFrom(files);
  const { client, show } = await sessionOf(command);
  const suites: Suite[] = [];
  for (const one of tests) suites.push(await suiteOf(client, one));
  if (options.junit !== undefined) await written(options.junit, junit(suites));
  const cases = suites.flatMap((suite) => suite.cases);
  const failed = cases.filter(({ failures }) => failures.length > 0).length;
  show(suites, () => [...suites.flatMap(linesOf), `${cases.length - failed} passed, ${failed} failed`].join('\n'));
  if (failed > 0) throw new CliError(`${failed} of ${amount(cases.length, 'test')} failed`);
};

const written = async (file: string, text: string): Promise<void> => {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new CliError(`cannot write ${file}: ${codeOf(error)}`, { exitCode: exitCodes.usage, cause: error });
  }
};

const suiteOf = async (client: Client, { metadata, file, spec, judge }: PolicyTest): Promise<Suite> => {
  const known = await rulesOf(client, judge, file);
  for (const one of spec.tests) requireRules(one, known, file);
  const cases = await concurrently(spec.tests, asksAtOnce, async (one): Promise<CaseResult> => {
    const began = performance.now();
    const body = {
      manifest: manifestOf(one, spec.base),
      environment: one.environment ?? spec.environment,
      ...judge,
    };
    const verdict = await judged(client, body, `${file}: ${one.name}`);
    return { name: one.name, seconds: (performance.now() - began) / 1_000, failures: failuresOf(one, verdict) };
  });
  return { name: metadata.name, file, cases };
};

const Rules = z.looseObject({ rules: z.array(z.looseObject({ id: z.string() })) });

const rulesOf = async (client: Client, judge: Judge, file: string): Promise<readonly string[]> => {
  if ('policyPack' in judge) return judge.policyPack.rules.map(({ id }) => id);
  try {
    const { rules } = await client.get(Rules, `/policy-packs/${encodeURIComponent(judge.policyPackId)}`);
    return rules.map(({ id }) => id);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw inTest(error, file);
  }
};

/** What the server refuses to judge is a test that is wrong, and ends with 2: it says nothing about the pack. */
const judged = async (client: Client, body: unknown, where: string): Promise<Evaluation> => {
  try {
    return await client.post(Evaluation, '/policy-packs/evaluate', body);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw inTest(error, where);
  }
};

/** Everything in which the verdict is not what the test expects. */
const failuresOf = ({ expect }: Case, verdict: Evaluation): readonly string[] => [
  ...(expect.valid === undefined || expect.valid === verdict.valid
    ? []
    : [`valid is ${verdict.valid}, not ${expect.valid}${foundIn(verdict)}`]),
  ...Object.entries(expect.rules ?? {}).flatMap(([ruleId, wanted]) => {
    const result = verdict.results.find((one) => one.ruleId === ruleId)?.result ?? 'not-judged';
    return result === wanted ? [] : [`${ruleId} is ${result}, not ${wanted}${foundIn(verdict, ruleId)}`];
  }),
  ...Object.entries(expect.paths ?? {}).flatMap(([ruleId, wanted]) => {
    const paths = findings(verdict).flatMap((one) => (one.ruleId === ruleId ? [one.path] : []));
    const isSame = [...wanted].toSorted().join('\n') === paths.toSorted().join('\n');
    return isSame ? [] : [`${ruleId} found ${paths.join(', ') || 'nothing'}, not ${wanted.join(', ')}`];
  }),
];

const findings = ({ violations, warnings }: Evaluation) => [...violations, ...warnings];

const foundIn = (verdict: Evaluation, ruleId?: string): string => {
  const found = findings(verdict).find((one) => ruleId === undefined || one.ruleId === ruleId);
  return found === undefined ? '' : `: ${found.ruleId} ${found.path}: ${found.message}`;
};

const linesOf = ({ name, file, cases }: Suite): string[] => [
  `${pc.bold(printable(name))}  ${pc.dim(printable(file))}`,
  ...cases.flatMap((one) => [
    `  ${one.failures.length === 0 ? pc.green('passed') : pc.red('failed')}  ${printable(one.name)}`,
    ...one.failures.map((failure) => `    ${pc.red(printable(failure))}`),
  ]),
];
