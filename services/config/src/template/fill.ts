// What fills the fields of a template: values at paths, as a patch of a manifest. Pure.
import type { ConfigurableField, Manifest, Problem, Template } from '@molthub/contracts';
import { forbiddenKeys, isJsonObject, parsePath } from '@molthub/manifest';

type Value = string | number | boolean;
type Patch = { [name: string]: unknown };

/** What the template itself says: its manifest, and the defaults of its fields. */
export const patchOf = ({ manifest, configurableFields }: Template): Patch => {
  const patch: Patch = structuredClone(manifest);
  for (const field of configurableFields) if (field.default !== undefined) put(patch, field, field.default);
  return patch;
};

/** What a bot fills in, as a patch, and all that is wrong with it. */
export const valuesOf = (
  { configurableFields }: Template,
  values: Readonly<Record<string, Value>>,
): { readonly patch: Patch; readonly problems: readonly Problem[] } => {
  const patch: Patch = {};
  const problems: Problem[] = [];
  const known = new Map(configurableFields.map((field) => [field.path, field]));
  for (const [path, value] of Object.entries(values)) {
    const field = known.get(path);
    const wrong = field
      ? wrongIn(field, value)
      : `The template has no such field; use one of ${[...known.keys()].join(', ')}.`;
    if (wrong !== null) problems.push(problem(path, wrong));
    else if (field) put(patch, field, value);
  }
  for (const { path, label, required, default: fallback } of configurableFields) {
    if (required && fallback === undefined && !Object.hasOwn(values, path)) {
      problems.push(problem(path, `Fill in "${label}".`));
    }
  }
  return { patch, problems };
};

const problem = (path: string, message: string): Problem => ({
  path: `spec.template.values["${path}"]`,
  code: 'config.template-value',
  message,
});

/** Secrets that the template or a value refers to and the resolved manifest does not declare. */
export const missingSecrets = (
  { requiredSecrets, configurableFields }: Template,
  values: Readonly<Record<string, Value>>,
  { spec: { secrets = [] } }: Manifest,
): readonly Problem[] => {
  const declared = new Set(secrets.map(({ name }) => name));
  const filled = configurableFields
    .filter(({ type }) => type === 'secret')
    .flatMap(({ path, default: fallback }) => values[path] ?? fallback ?? []);
  const needed = [...new Set([...requiredSecrets.map(({ name }) => name), ...filled.map(String)])];
  return needed
    .filter((name) => !declared.has(name))
    .map((name) => ({
      path: 'spec.secrets',
      code: 'config.secret-missing',
      message: `The template needs the secret ${name}; declare it, with its provider and key.`,
    }));
};

/** Why a value does not fit its field; null where it does. */
export const wrongIn = ({ type, label, options = [] }: ConfigurableField, value: Value): string | null => {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? null : `"${label}" is a text.`;
    case 'number':
      return typeof value === 'number' ? null : `"${label}" is a number.`;
    case 'boolean':
      return typeof value === 'boolean' ? null : `"${label}" is true or false.`;
    case 'select':
      if (options.some((option) => option.value === value)) return null;
      return `"${label}" is one of ${options.map((option) => JSON.stringify(option.value)).join(', ')}.`;
    case 'secret':
      if (typeof value === 'string' && /^[A-Z_][A-Z0-9_]*$/.test(value)) return null;
      return `"${label}" is the name of a secret in spec.secrets, such as TELEGRAM_TOKEN; never the secret itself.`;
    default:
      return type satisfies never;
  }
};

/** The names of the keys that a field's path goes through; null where it is no such path. */
export const namesIn = (path: string): readonly string[] | null => {
  const names = parsePath(path)?.map((step) => (step.kind === 'name' ? step.name : null)) ?? [];
  const sound = names.filter((name) => name !== null && !forbiddenKeys.has(name));
  return sound.length === names.length && names.length > 0 ? sound.filter((name) => name !== null) : null;
};

const put = (patch: Patch, { path, type }: ConfigurableField, value: Value): void => {
  const names = namesIn(path) ?? [];
  const last = names.at(-1);
  if (last === undefined) return;
  let at = patch;
  for (const name of names.slice(0, -1)) {
    const below = at[name];
    const next: Patch = isJsonObject(below) ? { ...below } : {};
    at[name] = next;
    at = next;
  }
  at[last] = type === 'secret' ? `\${${value}}` : value;
};
