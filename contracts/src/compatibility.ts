// Whether who could read the released form of an event can still read its present one. If not, it is a new major version.
import type { JsonSchema } from './json-schema.ts';

/**
 * What an old reader would stumble over, each with its path; nothing means that the change is compatible. Fields may be
 * added anywhere and lists marked `x-open` may grow; nothing may be removed, become optional, or hold other values.
 */
export const incompatibilities = (released: JsonSchema, present: JsonSchema): readonly string[] =>
  compare({ schema: released, root: released }, { schema: present, root: present }, '', new Set());

type Side = { readonly schema: JsonSchema; readonly root: JsonSchema };

const compare = (before: Side, after: Side, path: string, seen: ReadonlySet<string>): readonly string[] => {
  const old = resolved(before);
  const now = resolved(after);
  if (old.schema['x-open'] === true) return [];
  const pair = `${pointerOf(before.schema)} ${pointerOf(after.schema)}`;
  if (pair !== ' ' && seen.has(pair)) return [];
  const visited = new Set([...seen, pair]);
  const branches = branchesOf(old);
  if (branches.length > 1 || branchesOf(now).length > 1) {
    return branchesOf(now).flatMap((branch, index) => {
      const misfits = branches.map((candidate) => compare(candidate, branch, path, visited));
      if (misfits.some((misfit) => misfit.length === 0)) return [];
      const [only] = misfits;
      return misfits.length === 1 && only ? only : [`${path}: form ${index + 1} fits none that was released`];
    });
  }
  return [
    ...typeProblems(old.schema, now.schema, path),
    ...valueProblems(old.schema, now.schema, path),
    ...limitProblems(old.schema, now.schema, path),
    ...propertyProblems(old, now, path, visited),
    ...['items', 'additionalProperties'].flatMap((key) => {
      const [was, is] = [old.schema[key], now.schema[key]];
      if (!isSchema(was)) return [];
      if (!isSchema(is)) return [`${path}: its ${key} are not restricted any more`];
      return compare({ ...old, schema: was }, { ...now, schema: is }, `${path}[]`, visited);
    }),
  ];
};

const propertyProblems = (old: Side, now: Side, path: string, seen: ReadonlySet<string>): readonly string[] => {
  const [was, is] = [old.schema['properties'], now.schema['properties']];
  if (!isSchema(was)) return [];
  const present = isSchema(is) ? is : {};
  const required = stringsOf(old.schema['required']);
  const stillRequired = stringsOf(now.schema['required']);
  return Object.entries(was).flatMap(([name, schema]) => {
    const at = path === '' ? name : `${path}.${name}`;
    const next = present[name];
    if (!isSchema(next) || !isSchema(schema)) return [`${at}: was removed`];
    const optional = required.includes(name) && !stillRequired.includes(name) ? [`${at}: became optional`] : [];
    return [...optional, ...compare({ ...old, schema }, { ...now, schema: next }, at, seen)];
  });
};

const typeProblems = (old: JsonSchema, now: JsonSchema, path: string): readonly string[] => {
  const allowed = stringsOf(old['type']);
  if (allowed.length === 0) return [];
  const fits = (type: string) => allowed.includes(type) || (type === 'integer' && allowed.includes('number'));
  const types = stringsOf(now['type']);
  return types.length > 0 && types.every(fits) ? [] : [`${path}: was of type ${allowed.join(' or ')}`];
};

const valueProblems = (old: JsonSchema, now: JsonSchema, path: string): readonly string[] => {
  const allowed = valuesOf(old);
  if (allowed === null) return [];
  const values = valuesOf(now);
  if (values === null) return [`${path}: its values are not listed any more`];
  const added = values.filter((value) => !allowed.includes(value));
  return added.length > 0 ? [`${path}: ${added.join(', ')} was not among its values`] : [];
};

const limitProblems = (old: JsonSchema, now: JsonSchema, path: string): readonly string[] => {
  const wider = (key: string, isWider: (was: number, is: number) => boolean) => {
    const [was, is] = [old[key], now[key]];
    if (typeof was !== 'number') return [];
    return typeof is !== 'number' || isWider(was, is) ? [`${path}: its ${key} was ${was}`] : [];
  };
  const other = (key: string) =>
    old[key] !== undefined && old[key] !== now[key] ? [`${path}: its ${key} changed`] : [];
  return [
    ...['minimum', 'minLength', 'minItems'].flatMap((key) => wider(key, (was, is) => is < was)),
    ...['maximum', 'maxLength', 'maxItems'].flatMap((key) => wider(key, (was, is) => is > was)),
    ...['pattern', 'format'].flatMap(other),
  ];
};

const branchesOf = (side: Side): readonly Side[] => {
  const branches = side.schema['anyOf'] ?? side.schema['oneOf'];
  if (!Array.isArray(branches)) return [side];
  return branches.filter(isSchema).flatMap((schema) => branchesOf(resolved({ ...side, schema })));
};

const pointerOf = (schema: JsonSchema): string => (typeof schema['$ref'] === 'string' ? schema['$ref'] : '');

const resolved = (side: Side): Side => {
  const pointer = pointerOf(side.schema);
  if (pointer === '') return side;
  const target = pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((node, key) => (isSchema(node) ? node[key] : undefined), side.root);
  if (!isSchema(target)) throw new Error(`The schema refers to ${pointer}, which is not there.`);
  return { ...side, schema: target };
};

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const stringsOf = (value: unknown): readonly string[] =>
  [value].flat().filter((item): item is string => typeof item === 'string');

const valuesOf = (schema: JsonSchema): readonly string[] | null => {
  if ('const' in schema) return [JSON.stringify(schema['const'])];
  return Array.isArray(schema['enum']) ? schema['enum'].map((value) => JSON.stringify(value)) : null;
};
