// For tests and docs: the required tests of the JSON Schema Test Suite for 2020-12, each applied by our validator.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import type { ConformanceCase } from './conformance-case.ts';
import { jsonSchema } from './json-schema.ts';
import { NotJudged, WrongParameter } from './rule-type.ts';

const folder = fileURLToPath(
  new URL('../../../../../shared/data/public/json-schema/tests/draft2020-12', import.meta.url),
);

const Groups = z.array(
  z.object({
    description: z.string(),
    // Read as it stands: zod leaves keys such as __proto__ out.
    schema: z.unknown(),
    tests: z.array(z.object({ description: z.string(), data: z.unknown(), valid: z.boolean() })),
  }),
);
type Group = z.infer<typeof Groups>[number];
type Outcome = Pick<ConformanceCase, 'outcome' | 'said'>;

/** Every required test, by file and group. Throws where the data is not there. */
export const schemaConformance = (): readonly ConformanceCase[] => {
  if (!existsSync(folder)) {
    throw new Error(`The JSON Schema Test Suite is not in ../shared/data/public/json-schema (looked for ${folder}).`);
  }
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files
    .toSorted()
    .flatMap((file) =>
      Groups.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))).flatMap((group) =>
        casesOf(basename(file, '.json'), group),
      ),
    );
};

const casesOf = (section: string, group: Group): readonly ConformanceCase[] => {
  const outcomeOf = applying(group.schema);
  return group.tests.map(({ description, data, valid }) => ({
    section,
    group: `${section}: ${group.description}`,
    name: `${section}: ${group.description}: ${description}`,
    applies: true,
    ...outcomeOf(data, valid),
  }));
};

const applying = (schema: unknown): ((data: unknown, valid: boolean) => Outcome) => {
  if (!isJsonObject(schema)) return () => ({ outcome: 'refuses', said: 'The schema of a rule is an object.' });
  const made = compiled(schema);
  if (typeof made === 'string') return () => ({ outcome: 'refuses', said: made });
  return (data, valid) => {
    let problems: number;
    try {
      problems = made.problemsOf(data).length;
    } catch (error) {
      if (!(error instanceof NotJudged || error instanceof RangeError)) throw error;
      return { outcome: 'refuses', said: error.message };
    }
    return { outcome: (problems === 0) === valid ? 'passes' : 'wrong', said: `${problems} problems` };
  };
};

const compiled = (schema: Parameters<typeof jsonSchema>[0]): ReturnType<typeof jsonSchema> | string => {
  try {
    return jsonSchema(schema);
  } catch (error) {
    if (error instanceof WrongParameter) return error.message;
    throw error;
  }
};
