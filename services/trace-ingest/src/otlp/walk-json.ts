// The way through an OTLP/JSON body to its spans, metrics or log records, in slices of time.
import type { Pace } from './pace.ts';
import { malformed } from './refusal.ts';
import { type JsonElement, type Lists, parseJson, splitJson } from './split-json.ts';

export type JsonObject = { readonly [key: string]: unknown };

/** What is to happen to each element; `takes` is asked, where its size is known, before it is even parsed. */
export type Take = {
  readonly takes?: (element: JsonElement) => boolean;
  readonly element: (element: JsonObject) => void;
};

/** Called for each scope with its resource, and what encloses either. */
export type Visit = (
  resource: JsonObject,
  scope: JsonObject,
  around: { readonly group: JsonObject; readonly scoped: JsonObject },
) => Take;

/** Larger bodies are parsed element by element. */
export const splitAboveBytes = 256 * 1024;

/** Visits every element of the inner list; throws a 400 where the body does not have these lists of objects. */
export const walkJson = async (
  body: Buffer,
  lists: Lists,
  pace: Pace,
  visit: Visit,
  splitAbove = splitAboveBytes,
): Promise<void> => {
  const whole = body.length <= splitAbove;
  const { skeleton, elements } = whole
    ? { skeleton: parseJson(body), elements: [] }
    : await splitJson(body, lists, pace);
  const [outer, middle, inner] = lists;
  for (const group of listOf(objectOf(skeleton, 'the body')[outer], outer)) {
    const outside = objectOf(group, outer);
    const { resource, [middle]: scopes } = outside;
    for (const member of listOf(scopes, middle)) {
      if (pace.due(0)) await pace.rest();
      const scoped = objectOf(member, middle);
      const { scope, [inner]: members } = scoped;
      const around = { group: outside, scoped };
      const take = visit(optionalObject(resource, 'resource'), optionalObject(scope, 'scope'), around);
      // A resource may be as large as any element.
      if (pace.due(splitAboveBytes)) await pace.rest();
      for (const element of listOf(members, inner)) {
        const cut = whole || typeof element !== 'number' ? undefined : elements[element];
        if (!cut || (take.takes?.(cut) ?? true)) take.element(objectOf(cut ? parseJson(cut.bytes) : element, inner));
        if (pace.due(cut?.bytes.length ?? 0)) await pace.rest();
      }
    }
  }
};

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const objectOf = (value: unknown, name: string): JsonObject => {
  if (!isObject(value)) throw malformed(`${name} must be a JSON object.`);
  return value;
};

const nothing: JsonObject = {};
/** Absent and null mean the same in protobuf's JSON. */
export const optionalObject = (value: unknown, name: string): JsonObject =>
  value === undefined || value === null ? nothing : objectOf(value, name);

export const listOf = (value: unknown, name: string): readonly unknown[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed(`${name} must be a list.`);
  return value;
};
