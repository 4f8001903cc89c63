// OpenClaw's JSON Schema is 2.4 MB; compiled whole it costs 2.6 s and 390 MB. Only what a config touches is compiled.
import { z } from 'zod';

type Schema = Readonly<Record<string, unknown>>;

/** A schema whose references all lead to named targets, so that parts of it can be taken away. */
export type LinkedSchema = { readonly root: unknown; readonly targets: ReadonlyMap<string, unknown> };

const ONE = ['additionalProperties', 'additionalItems', 'contains', 'propertyNames', 'not', 'if', 'then', 'else'];
const MANY = ['anyOf', 'oneOf', 'allOf'];
const NAMED = ['properties', 'patternProperties', 'dependencies'];
/** Words for people, and definitions (which are carried over by name instead). */
const DROPPED = new Set([
  'title',
  'description',
  'default',
  'examples',
  '$comment',
  '$schema',
  '$id',
  'id',
  '$defs',
  'definitions',
]);

const record = z.record(z.string(), z.unknown());
const isSchema = (value: unknown): value is Schema => record.safeParse(value).success && !Array.isArray(value);

/**
 * Gives every reference a target of its own. Plugins' schemas are pasted into OpenClaw's, so `#/$defs/x` may mean the
 * nearest ancestor that has such a definition. A reference that leads nowhere, or to another document, allows anything:
 * OpenClaw itself will judge that part; nothing is ever fetched.
 */
export function linkSchema(raw: unknown): LinkedSchema {
  const names = new Map<unknown, string>();
  const targets = new Map<string, unknown>();
  const visit = (node: unknown, ancestors: readonly unknown[]): unknown => {
    if (Array.isArray(node)) return node.map((item) => visit(item, ancestors));
    if (!isSchema(node)) return node;
    if (typeof node['$ref'] === 'string') return follow(node['$ref'], [node, ...ancestors]);
    const copy = Object.entries(node).map(([key, value]) => [key, visit(value, [node, ...ancestors])]);
    return Object.fromEntries(copy);
  };
  const follow = (reference: string, ancestors: readonly unknown[]): unknown => {
    const bases = [raw, ...ancestors];
    const base = reference.startsWith('#/') ? bases.find((base) => resolve(base, reference) !== undefined) : undefined;
    if (base === undefined) return true;
    const target = resolve(base, reference);
    const known = names.get(target);
    if (known !== undefined) return { $ref: `#/$defs/${known}` };
    const name = `part${names.size}`;
    names.set(target, name);
    targets.set(name, visit(target, base === raw ? [] : [base]));
    return { $ref: `#/$defs/${name}` };
  };
  return { root: visit(raw, []), targets };
}

/**
 * The part of a schema that says anything about a config with these keys. A property that occurs nowhere in the config
 * cannot be wrong in it, so leaving it out changes no answer.
 */
export function schemaFor(linked: LinkedSchema, keys: ReadonlySet<string>): Schema {
  const defs = [...linked.targets].map(([name, target]) => [name, prune(target, keys)]);
  const root = prune(linked.root, keys);
  return { ...(isSchema(root) ? root : {}), $defs: Object.fromEntries(defs) };
}

/** Every key of every object in a config. */
export function keysOf(config: unknown): ReadonlySet<string> {
  const keys = new Set<string>();
  const pending = [config];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (typeof node !== 'object' || node === null) continue;
    if (!Array.isArray(node)) for (const key of Object.keys(node)) keys.add(key);
    for (const value of Object.values(node)) if (value !== undefined) pending.push(value);
  }
  return keys;
}

function prune(node: unknown, keys: ReadonlySet<string>): unknown {
  if (Array.isArray(node)) return node.map((item) => prune(item, keys));
  if (!isSchema(node)) return node;
  const kept: [string, unknown][] = [];
  for (const [keyword, value] of Object.entries(node)) {
    if (DROPPED.has(keyword)) continue;
    if (NAMED.includes(keyword) && isSchema(value)) kept.push([keyword, pruneNamed(keyword, value, keys)]);
    else if (ONE.includes(keyword) || MANY.includes(keyword) || keyword === 'items')
      kept.push([keyword, prune(value, keys)]);
    else if (keyword === 'required') kept.push([keyword, withoutDefaults(value, node['properties'])]);
    else kept.push([keyword, value]);
  }
  return Object.fromEntries(kept);
}

function pruneNamed(keyword: string, named: Schema, keys: ReadonlySet<string>): Schema {
  const entries = Object.entries(named).filter(([name]) => keyword !== 'properties' || keys.has(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, prune(value, keys)]));
}

/**
 * OpenClaw describes the config after its defaults are filled in, so it lists keys as required that nobody must
 * write.
 */
function withoutDefaults(required: unknown, properties: unknown): unknown {
  if (!Array.isArray(required) || !isSchema(properties)) return required;
  return required.filter((name: unknown) => {
    const property = typeof name === 'string' && Object.hasOwn(properties, name) ? properties[name] : undefined;
    return !(isSchema(property) && 'default' in property);
  });
}

function resolve(base: unknown, reference: string): unknown {
  let node = base;
  for (const part of reference.slice(2).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(node)) node = node[Number(key)];
    else if (isSchema(node) && Object.hasOwn(node, key)) node = node[key];
    else return undefined;
  }
  return node;
}
