// Turns a validator's findings into what the user has to change. Values of the config are never repeated: some are
// secret.
import type { ErrorObject } from 'ajv';

export type ConfigProblem = { readonly path: string; readonly code: string; readonly message: string };

const PROBLEMS_MAX = 100;
const TEXT_MAX = 300;

/** One problem per place; of a choice between shapes, only what is wrong with the shape that was most likely meant. */
export function configProblems(errors: readonly ErrorObject[]): readonly ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>();
  for (const error of meant(errors)) {
    const problem = describe(error);
    const key = `${problem.path} ${problem.message}`;
    if (!problems.has(key)) problems.set(key, problem);
    if (problems.size >= PROBLEMS_MAX) break;
  }
  return [...problems.values()];
}

/** `/models/0/name` as the user writes it: `models[0].name`. */
export function pathOf(pointer: string, ...more: readonly string[]): string {
  const parts = pointer.split('/').slice(1);
  const names = [...parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')), ...more];
  let path = '';
  for (const name of names) {
    if (/^\d+$/.test(name)) path += `[${name}]`;
    else path += path === '' ? name : `.${name}`;
  }
  return path.slice(0, TEXT_MAX);
}

type Finding = ErrorObject & { readonly choices?: readonly string[] };

function meant(errors: readonly ErrorObject[]): readonly Finding[] {
  const choice = errors
    .filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf')
    .toSorted((a, b) => a.schemaPath.length - b.schemaPath.length)[0];
  if (choice === undefined) return errors.filter((error) => error.keyword !== 'if');
  const inside = (error: ErrorObject) =>
    error.schemaPath.startsWith(`${choice.schemaPath}/`) && error.instancePath.startsWith(choice.instancePath);
  const outside = errors.filter((error) => error !== choice && !inside(error));
  return [...meant(outside), ...best(choice, errors.filter(inside))];
}

function best(choice: ErrorObject, inside: readonly ErrorObject[]): readonly Finding[] {
  const branches = new Map<string, ErrorObject[]>();
  for (const error of inside) {
    const branch = error.schemaPath.slice(choice.schemaPath.length + 1).split('/')[0] ?? '';
    branches.set(branch, [...(branches.get(branch) ?? []), error]);
  }
  const isWrongShape = (error: ErrorObject) =>
    error.instancePath === choice.instancePath && ['type', 'const', 'enum'].includes(error.keyword);
  const fitting = [...branches.values()].filter((branch) => !branch.some(isWrongShape));
  const ranked = fitting.toSorted((a, b) => rank(a) - rank(b))[0];
  if (ranked !== undefined) return meant(ranked);
  return [{ ...choice, choices: inside.filter(isWrongShape).flatMap(choicesOf) }];
}

/** A branch whose discriminator does not fit (`source: "env"`) is worse than one with a few wrong fields. */
function rank(branch: readonly ErrorObject[]): number {
  return branch.length + branch.filter((error) => error.keyword === 'const').length * 100;
}

function choicesOf(error: ErrorObject): readonly string[] {
  switch (error.keyword) {
    case 'const':
      return [JSON.stringify(error.params['allowedValue'])];
    case 'enum':
      return listed(error.params['allowedValues']);
    case 'type':
      return [`type ${[error.params['type']].flat().join(' or ')}`];
    default:
      return [];
  }
}

function listed(values: unknown): readonly string[] {
  return Array.isArray(values) ? values.map((value) => JSON.stringify(value)) : [];
}

function describe(error: Finding): ConfigProblem {
  const at = (code: string, message: string, ...more: readonly string[]): ConfigProblem => ({
    path: pathOf(error.instancePath, ...more),
    code,
    message: message.slice(0, TEXT_MAX),
  });
  const unknown = (key: unknown) =>
    at('unknown-key', `Unrecognized key "${String(key)}": remove it or correct its name.`, String(key));
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknown(error.params['additionalProperty'] ?? error.params['unevaluatedProperty']);
    case 'propertyNames':
      return unknown(error.params['propertyName']);
    case 'required':
      return at('missing', 'This key is required here.', String(error.params['missingProperty']));
    case 'type':
      return at('wrong-type', `Expected ${choicesOf(error).join(', ')}.`);
    case 'const':
    case 'enum':
    case 'anyOf':
    case 'oneOf': {
      const choices = [...new Set(error.choices ?? choicesOf(error))];
      return at(
        'wrong-value',
        choices.length > 0 ? `Expected one of: ${choices.join(', ')}.` : 'No allowed shape fits.',
      );
    }
    case 'pattern':
      return at('wrong-format', `Must match the pattern ${String(error.params['pattern'])}.`);
    case 'format':
      return at('wrong-format', `Must be a valid ${String(error.params['format'])}.`);
    default:
      return at('out-of-range', `The value ${error.message ?? 'is not allowed'}.`);
  }
}
