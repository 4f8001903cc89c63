// `kind: PolicyTest`: what a pack is to say of manifests, in files beside it.
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Environment, PackId, RuleResult } from '@molthub/contracts';
import { z } from 'zod';
import { CliError, exitCodes } from './cli-error.ts';
import { codeOf } from './connection.ts';
import { checked } from './desired.ts';
import { PolicyPackDocument } from './document-kinds/policy-pack.ts';
import { type YamlDocument, yamlDocuments } from './yaml-documents.ts';

export const casesMax = 1_000;

/** What became of a rule; `not-judged` where its pack or the rule itself is not about that bot. */
export const Expected = z.enum([...RuleResult.shape.result.options, 'not-judged']);
export type Expected = z.infer<typeof Expected>;

const ofRules = <T extends z.ZodType>(what: T) =>
  z
    .record(z.string(), what)
    .refine((rules) => Object.keys(rules).length > 0, 'name a rule, or leave it out: this expects nothing');

const Case = z
  .strictObject({
    name: z.string().min(1).max(200),
    environment: Environment.optional(),
    manifest: z.record(z.string(), z.json()).optional(),
    patch: z.record(z.string(), z.json()).optional().describe('A JSON merge patch of spec.base.'),
    expect: z
      .strictObject({
        valid: z.boolean().optional(),
        rules: ofRules(Expected).optional(),
        paths: ofRules(z.array(z.string()).min(1)).optional().describe('Where each rule finds something.'),
      })
      .refine((expect) => Object.values(expect).some((one) => one !== undefined), 'expect valid, rules or paths'),
  })
  .refine((one) => one.manifest === undefined || one.patch === undefined, 'write manifest or patch, not both');
export type Case = z.infer<typeof Case>;

export const PolicyTestDocument = z.strictObject({
  apiVersion: z.literal('molthub/v1'),
  kind: z.literal('PolicyTest'),
  metadata: z.strictObject({ name: z.string().min(1).max(200) }),
  spec: z
    .strictObject({
      pack: z.string().min(1).optional().describe('The file with the pack, from this file.'),
      packId: PackId.optional(),
      environment: Environment.default('dev'),
      base: z.record(z.string(), z.json()).optional().describe('The manifest that tests patch.'),
      tests: z.array(Case).min(1).max(casesMax),
    })
    .refine(({ pack, packId }) => (pack === undefined) !== (packId === undefined), 'write pack or packId')
    .refine(({ base, tests }) => base !== undefined || tests.every(({ manifest }) => manifest !== undefined), {
      path: ['base'],
      message: 'a test without a manifest needs spec.base',
    }),
});

/** The pack as `evaluate` takes it: one that is saved, or one that is sent. */
export type Judge =
  | { readonly policyPackId: string }
  | { readonly policyPack: { readonly name: string; readonly rules: readonly Rule[] } };
type Rule = { readonly id: string };
export type PolicyTest = z.infer<typeof PolicyTestDocument> & { readonly file: string; readonly judge: Judge };

/** Every test of the files; of folders, those in their .yaml files. A CliError with exit code 2 where one is broken. */
export const policyTestsFrom = async (paths: readonly string[]): Promise<readonly PolicyTest[]> => {
  try {
    const tests: PolicyTest[] = [];
    for (const path of paths) for (const file of await filesAt(path)) tests.push(...(await testsIn(file)));
    if (tests.length === 0) throw new CliError(`${paths.join(', ')}: there is no PolicyTest in it`);
    return tests;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(error.message, { exitCode: exitCodes.usage, problems: error.problems, cause: error });
  }
};

const filesAt = async (path: string): Promise<readonly string[]> => {
  const info = await readable(path, () => stat(path));
  if (!info.isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .toSorted()
    .map((name) => join(path, name));
};

const readable = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw new CliError(`cannot read ${path}: ${codeOf(error)}`, { cause: error });
  }
};

const documentsIn = async (file: string): Promise<readonly YamlDocument[]> =>
  yamlDocuments(file, await readable(file, () => readFile(file, 'utf8')));

const Kind = z.looseObject({ kind: z.string() });
const isOf = (kind: string) => (document: YamlDocument) => Kind.safeParse(document.value).data?.kind === kind;

const testsIn = async (file: string): Promise<readonly PolicyTest[]> => {
  const tests: PolicyTest[] = [];
  for (const document of (await documentsIn(file)).filter(isOf('PolicyTest'))) {
    const test = checked(PolicyTestDocument, document);
    const { pack, packId } = test.spec;
    const judge = packId === undefined ? await packIn(file, pack ?? '') : { policyPackId: packId };
    tests.push({ ...test, file, judge });
  }
  return tests;
};

const packIn = async (file: string, pack: string): Promise<Judge> => {
  const path = resolve(dirname(file), pack);
  const packs = (await documentsIn(path)).filter(isOf('PolicyPack'));
  const [only] = packs;
  if (only === undefined || packs.length > 1) {
    throw new CliError(`${file}: ${pack} has ${packs.length} documents of kind PolicyPack; name a file with one`);
  }
  const { metadata, spec } = checked(PolicyPackDocument, only);
  return { policyPack: { name: metadata.name, ...spec } };
};

/** The manifest of a test: its own, or the base with its patch (RFC 7386). */
export const manifestOf = ({ manifest, patch = {} }: Case, base: unknown): unknown => manifest ?? merged(base, patch);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const merged = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch;
  const result = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, merged(result.get(key), value));
  }
  return Object.fromEntries(result);
};

/** A rule that the pack does not have would never be judged, whatever its test expects of it. */
export const requireRules = ({ name, expect }: Case, known: readonly string[], file: string): void => {
  const asked = [...Object.keys(expect.rules ?? {}), ...Object.keys(expect.paths ?? {})];
  const unknown = asked.find((id) => !known.includes(id));
  if (unknown === undefined) return;
  const message = `${file}: ${name}: the pack has no rule ${unknown}; it has: ${known.join(', ')}`;
  throw new CliError(message, { exitCode: exitCodes.usage });
};

/** Says which test a refusal of the server is about; where it was refused for what it says, the test is wrong. */
export const inTest = (error: CliError, where: string): CliError => {
  const { problems, status, correlationId, message } = error;
  const isWrong = status === 400 || status === 404 || status === 409;
  const exitCode = isWrong ? exitCodes.usage : error.exitCode;
  return new CliError(`${where}: ${message}`, { exitCode, problems, status, correlationId, cause: error });
};
