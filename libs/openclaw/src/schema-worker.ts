// The thread in which schemas that came with a package are compiled and run: it may be slow, grow, or be ended.
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { RE2JS } from 're2js';
import { z } from 'zod';
import { type ConfigProblem, configProblems } from './schema-problems.ts';
import { keysOf, type LinkedSchema, linkSchema, schemaFor } from './schema-parts.ts';

const request = z.object({ id: z.number(), file: z.string(), configJson: z.string() });
export type ValidationAnswer =
  | { readonly id: number; readonly problems: readonly ConfigProblem[] }
  | { readonly id: number; readonly fault: string };

const COMPILED_MAX = 8;
const linked = new Map<string, LinkedSchema>();
const compiled = new Map<string, ValidateFunction>();

/** RE2 cannot be made to backtrack; the few patterns with look-ahead run natively, inside this thread's time limit. */
const engine = Object.assign(
  (pattern: string, flags: string) => {
    try {
      const re2 = RE2JS.compile(pattern);
      // ajv keeps one engine per printed pattern; without a name of its own every pattern would be the first one.
      return { test: (text: string) => re2.matcher(text).find(), toString: () => `/${pattern}/${flags}` };
    } catch {
      return new RegExp(pattern, flags);
    }
  },
  { code: 'patternEngine' },
);

parentPort?.on('message', (message: unknown) => {
  const { id, file, configJson } = request.parse(message);
  parentPort?.postMessage(answer(id, file, configJson), []);
});

function answer(id: number, file: string, configJson: string): ValidationAnswer {
  try {
    const config: unknown = JSON.parse(configJson);
    const validate = validatorFor(file, keysOf(config));
    return { id, problems: validate(config) ? [] : configProblems(validate.errors ?? []) };
  } catch (error) {
    return { id, fault: error instanceof Error ? error.message.slice(0, 500) : 'unknown fault' };
  }
}

function validatorFor(file: string, keys: ReadonlySet<string>): ValidateFunction {
  const name = `${file} ${JSON.stringify([...keys].sort())}`;
  const known = compiled.get(name);
  if (known !== undefined) return known;
  const schema = linked.get(file) ?? linkSchema(JSON.parse(readFileSync(file, 'utf8')));
  linked.set(file, schema);
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    logger: false,
    validateSchema: false,
    code: { regExp: engine },
  });
  formats.default(ajv);
  const validate = ajv.compile(schemaFor(schema, keys));
  const oldest = compiled.keys().next();
  if (compiled.size >= COMPILED_MAX && oldest.done === false) compiled.delete(oldest.value);
  compiled.set(name, validate);
  return validate;
}
