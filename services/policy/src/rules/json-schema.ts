// JSON Schemas that people write (2020-12), compiled once and then applied within a number of steps. A schema is code
// that is generated and run, so what it may be is bounded before: its size, its words, and no way out of itself.
import { isJsonObject, type JsonObject } from '@molthub/manifest';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import canonicalize from 'canonicalize';
import { type LinearPattern, linearPattern } from './linear-pattern.ts';
import { createMeter, type Meter, weightOf } from './meter.ts';
import { WrongParameter } from './rule-type.ts';

export const schemaBytesMax = 8 * 1024;
/** Each costs a quarter of a millisecond to compile. */
export const subschemasMax = 60;
const depthMax = 32;

export type SchemaProblem = { readonly pointer: string; readonly message: string };
export type JsonSchema = { readonly problemsOf: (value: unknown) => readonly SchemaProblem[] };

/** The schema, compiled. Throws `WrongParameter` with what is wrong with it. */
export const jsonSchema = (schema: JsonObject): JsonSchema => {
  if (Buffer.byteLength(JSON.stringify(schema)) > schemaBytesMax) {
    throw new WrongParameter('schema', `Write at most ${schemaBytesMax / 1024} KiB.`);
  }
  let meter: Meter = createMeter();
  const validate = compiled(withSteps(schema), () => meter);
  return {
    problemsOf: (value) => {
      meter = createMeter();
      return validate(value) ? [] : (validate.errors ?? []).map(problemOf);
    },
  };
};

const compiled = (schema: JsonObject, meter: () => Meter) => {
  try {
    return ajvWith(meter).compile(schema);
  } catch (error) {
    if (error instanceof WrongParameter) throw error;
    const reason = error instanceof Error ? error.message.replaceAll('\n', ' ').slice(0, 300) : 'it cannot be read';
    throw new WrongParameter('schema', `This is no JSON Schema (2020-12) that can be used here: ${reason}.`);
  }
};

/** Without the meta-schema, which takes longer to compile than any schema of a pack: every word checks its own value. */
const ajvWith = (meter: () => Meter): Ajv2020 => {
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    allowMatchingProperties: true,
    allErrors: true,
    inlineRefs: false,
    // What every object inherits from JavaScript is no property of a manifest.
    ownProperties: true,
    // In 2020-12 a format says what a text is for and refuses nothing.
    validateFormats: false,
    validateSchema: false,
    meta: false,
    logger: false,
    code: { optimize: false, regExp: patternEngine(meter) },
  });
  ajv.addKeyword('$anchor');
  ajv.addKeyword({
    keyword: stepWord,
    schemaType: 'number',
    errors: false,
    validate: (steps: number, value: unknown) => {
      meter().spend(steps + (typeof value === 'string' ? value.length >> 6 : 0));
      return true;
    },
  });
  // The library compares every item with every other; this sorts them out by what they say.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: (wanted: boolean, items: readonly unknown[]) => {
      if (!wanted) return true;
      meter().spend(weightOf(items));
      return new Set(items.map((item) => canonicalize(item))).size === items.length;
    },
  });
  return ajv;
};

const patternEngine = (meter: () => Meter) =>
  Object.assign(
    (source: string) => {
      const made = linearPattern(source);
      if ('problem' in made) throw new WrongParameter('schema', `The pattern ${source.slice(0, 60)}: ${made.problem}`);
      const { pattern }: { readonly pattern: LinearPattern } = made;
      // ajv keeps one engine per printed pattern; without a name of its own every pattern would be the first one.
      return { test: (text: string) => pattern.occursIn(text, meter()), toString: () => `/${source}/u` };
    },
    { code: 'linearPattern' },
  );

const stepWord = 'molthubSteps';
const one = new Set([
  'additionalProperties',
  'propertyNames',
  'items',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
]);
const several = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const named = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs']);
const dialect = 'https://json-schema.org/draft/2020-12/schema';

/** The same schema, each part of which spends a step before it is applied, however it is reached. */
const withSteps = (root: JsonObject): JsonObject => {
  const all: JsonObject[] = [];
  const places = new Set<string>();
  const visit = (schema: unknown, place: readonly string[], depth: number): unknown => {
    places.add(JSON.stringify(place));
    if (!isJsonObject(schema)) return schema;
    if (all.length >= subschemasMax) throw wrong(`Use at most ${subschemasMax} schemas in it.`);
    if (depth > depthMax) throw wrong(`Nest at most ${depthMax} levels deep.`);
    refuseWaysOut(schema);
    refuseMisread(schema);
    all.push(schema);
    const inside = Object.entries(schema).map(([word, value]): readonly [string, unknown] => {
      if (one.has(word)) return [word, visit(value, [...place, word], depth + 1)];
      if (several.has(word) && Array.isArray(value)) {
        return [word, value.map((item, index) => visit(item, [...place, word, String(index)], depth + 1))];
      }
      if (!named.has(word) || !isJsonObject(value)) return [word, value];
      const parts = Object.entries(value).map(
        ([name, part]) => [name, visit(part, [...place, word, name], depth + 1)] as const,
      );
      return [word, Object.fromEntries(parts)];
    });
    return { ...Object.fromEntries(inside), [stepWord]: 1 + (weightOf([schema['enum'], schema['const']]) >> 2) };
  };
  const stepped = visit(root, [], 0);
  refuseLost(all, places);
  refuseUnevaluated(all);
  return isJsonObject(stepped) ? stepped : {};
};

const wrong = (message: string) => new WrongParameter('schema', message);

const refuseWaysOut = (schema: JsonObject): void => {
  const target = schema['$ref'];
  if (target !== undefined && !(typeof target === 'string' && target.startsWith('#'))) {
    throw wrong('$ref may only lead to a place of this schema, such as #/$defs/port; nothing is fetched.');
  }
  if (schema['$id'] !== undefined) throw wrong('Leave $id out: a schema of a rule has no address.');
  const said = schema['$schema'];
  if (said !== undefined && said !== dialect) throw wrong(`Only JSON Schema 2020-12 is applied; write "${dialect}".`);
};

/** Only what was gone through spends steps, so a `$ref` may lead nowhere else: not into a default, nor into an enum. */
const refuseLost = (parts: readonly JsonObject[], places: ReadonlySet<string>): void => {
  const anchors = new Set(parts.map((part) => part['$anchor']));
  for (const { $ref } of parts) {
    if (typeof $ref !== 'string') continue;
    const isThere = /^#(?:\/|$)/.test($ref) ? places.has(JSON.stringify(placeOf($ref))) : anchors.has($ref.slice(1));
    if (!isThere) throw wrong(`$ref ${$ref.slice(0, 60)} leads to no schema; write it under $defs.`);
  }
};

/** The steps of a pointer in a URI, read as the library does; undefined where it is no pointer. */
const placeOf = (reference: string): readonly string[] | undefined => {
  try {
    const steps = reference.split('/').slice(1).map(decodeURIComponent);
    return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
};

/** Words that the library reads otherwise than the standard says, as the public tests of it show. */
const refuseMisread = (schema: JsonObject): void => {
  for (const word of ['$dynamicRef', '$dynamicAnchor']) {
    if (schema[word] !== undefined) throw wrong(`${word} is not supported; use $ref.`);
  }
  // Words of older drafts, which the library still applies.
  for (const word of ['definitions', 'dependencies']) {
    if (schema[word] !== undefined)
      throw wrong(`${word} is not supported; use $defs, dependentSchemas or dependentRequired.`);
  }
  const names = [schema['required'], ...[...named].map((word) => Object.keys(Object(schema[word])))];
  const dependent = Object.entries(Object(schema['dependentRequired']));
  if ([names, dependent].flat(3).includes('__proto__')) throw wrong('No manifest has a key __proto__; leave it out.');
};

/** What was evaluated the library sees only in part where a branch is left out, or where items are looked through. */
const refuseUnevaluated = (parts: readonly JsonObject[]): void => {
  const use = (word: string) => parts.some((part) => part[word] !== undefined);
  if (use('unevaluatedItems') && (use('contains') || use('items'))) {
    throw wrong('unevaluatedItems together with contains or items is not supported; use prefixItems and items.');
  }
  const isHalf = (part: JsonObject) => part['if'] !== undefined && !('then' in part && 'else' in part);
  if (use('unevaluatedProperties') && parts.some(isHalf)) {
    throw wrong('Where unevaluatedProperties is used, write both then and else for each if; they may be true.');
  }
};

const problemOf = ({ instancePath, message = 'does not fit', params }: ErrorObject): SchemaProblem => {
  const more = Object.entries(params).flatMap(([name, value]) =>
    ['additionalProperty', 'unevaluatedProperty', 'missingProperty', 'propertyName'].includes(name)
      ? [String(value)]
      : [],
  );
  return { pointer: instancePath, message: more.length > 0 ? `${message}: ${more.join(', ').slice(0, 100)}` : message };
};
