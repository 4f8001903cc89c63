// For tests and docs: CEL's own conformance tests, each answered by our expressions. An answer other than the expected
// one must not exist; what we cannot do refuses, and is listed by name.
import { tests as suite } from '@bufbuild/cel-spec/testdata/conformance.js';
import { evaluate } from '@marcbachmann/cel-js';
import { isJsonObject } from '@molthub/manifest';
import { z } from 'zod';
import { evaluation } from './cel-expression.ts';
import type { ConformanceCase } from './conformance-case.ts';
import { NotJudged, WrongParameter } from './rule-type.ts';

/** Libraries beside the language, none of which a rule may use. */
const extensions = new Set([
  'bindings_ext',
  'block_ext',
  'encoders_ext',
  'macros2',
  'math_ext',
  'optionals',
  'proto2_ext',
  'string_ext',
]);
/** Protobuf's messages and enums, bytes, and times: values that no JSON has. */
const beyondJson = /google\.|TestAllTypes|NestedTestAllTypes|GlobalEnum|timestamp\(|duration\(|bytes|\b[bB][rR]?['"]/;
const beyondJsonKinds = /"(?:objectValue|enumValue|bytesValue|messageType|wellKnown|wrapper)"/;

const Test = z.looseObject({
  name: z.string(),
  expr: z.string(),
  container: z.string().optional(),
  disableMacros: z.boolean().optional(),
  checkOnly: z.boolean().optional(),
  typeEnv: z.unknown().optional(),
  bindings: z.record(z.string(), z.object({ value: z.unknown().optional() })).default({}),
  value: z.record(z.string(), z.unknown()).optional(),
  typedResult: z.object({ result: z.record(z.string(), z.unknown()).optional() }).optional(),
  evalError: z
    .looseObject({ errors: z.array(z.looseObject({ message: z.string().default('') })).default([]) })
    .optional(),
});
type Test = z.infer<typeof Test>;

type Suite = {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { original: unknown }[];
};

/** Every test of the suite, in its order, with what our expressions answer. */
export const celConformance = (): readonly ConformanceCase[] => casesOf(suite, []);

const casesOf = ({ suites = [], tests = [] }: Suite, path: readonly string[]): readonly ConformanceCase[] => [
  ...tests.map(({ original }) => caseOf(Test.parse(original), path)),
  ...suites.flatMap((inner) => casesOf(inner, [...path, inner.name])),
];

const caseOf = (test: Test, path: readonly string[]): ConformanceCase => {
  const [section = ''] = path;
  const name = [...path, test.name].join('/');
  const { container = '', disableMacros = false, expr } = test;
  const isOfJson = container === '' && !beyondJson.test(expr) && !beyondJsonKinds.test(JSON.stringify(test));
  return {
    section,
    group: name,
    name,
    applies: isOfJson && !disableMacros && !extensions.has(section),
    ...outcomeOf(test),
  };
};

const outcomeOf = (test: Test): Pick<ConformanceCase, 'outcome' | 'said'> => {
  if (test.container !== undefined || test.disableMacros === true) {
    return { outcome: 'refuses', said: 'Names are never looked up in a container, and macros are never off.' };
  }
  const expected =
    test.value ?? test.typedResult?.result ?? (test.evalError === undefined ? { boolValue: true } : null);
  let answer: unknown;
  try {
    const bindings = Object.entries(test.bindings).map(([name, { value }]) => [name, valueOf(value)] as const);
    const names = Object.fromEntries(bindings.map(([name]) => [name, 'dyn'] as const));
    answer = evaluation(test.expr, names).answerFor(Object.fromEntries(bindings));
  } catch (error) {
    if (!(error instanceof WrongParameter || error instanceof NotJudged || error instanceof NoSuchValue)) throw error;
    const reason = error.message.replace(/^The expression fails on this manifest: /, '');
    if (expected === null && isTestedError(test.evalError, reason)) return { outcome: 'passes', said: reason };
    return { outcome: 'refuses', said: reason };
  }
  const shown = printed(answer);
  if (expected === null) return { outcome: 'wrong', said: `${shown} instead of an error` };
  // A check without an answer is passed by an expression that has one.
  if (test.checkOnly === true) return { outcome: 'passes', said: shown };
  const wanted = printedExpectation(expected);
  return wanted === shown
    ? { outcome: 'passes', said: shown }
    : { outcome: 'wrong', said: `${shown} instead of ${wanted}` };
};

/** What the suite says of an error, and what we say of the same one. Its overloads are also those of 1 / 0. */
const errorKinds: readonly (readonly [suite: RegExp, ours: RegExp])[] = [
  [/undeclared|unknown variable/, /^Unknown variable/],
  [/unbound function/, /^found no matching overload/],
  [/overload/, /^no such overload|must be bool|requires bool|^division by zero/],
  [/unsupported key type/, /^Keys of a map/],
  [/support field selection|no such key/, /^No such key/],
  [/invalid_argument/, /^No such key/],
  [/range|overflow/, /out of the range|overflow|cannot convert/],
  [/conversion/, /conversion error/],
  [/repeated key/, /names a key twice/],
  [/divide by zero|division by zero|foo/, /^division by zero/],
  [/modulus by zero/, /^modulo by zero/],
];

/** Whether we refuse for the error that the test is about, and not for something that rules may not write. */
const isTestedError = (tested: Test['evalError'], said: string): boolean =>
  (tested?.errors ?? []).some(({ message }) =>
    errorKinds.some(([suiteSays, weSay]) => suiteSays.test(message.toLowerCase()) && weSay.test(said)),
  );

/** A binding that a manifest can never hold. */
class NoSuchValue extends Error {}

const Values = z.object({ values: z.array(z.unknown()).default([]) });
const Entries = z.object({ entries: z.array(z.object({ key: z.unknown(), value: z.unknown() })).default([]) });

/** A value of the suite as expressions see it. */
const valueOf = (value: unknown): unknown => {
  const [[kind, held] = ['', null]] = Object.entries(z.record(z.string(), z.unknown()).parse(value));
  switch (kind) {
    case 'int64Value':
      return BigInt(z.string().parse(held));
    case 'uint64Value':
      return evaluate(`${z.string().parse(held)}u`);
    case 'doubleValue':
      return Number(held);
    case 'typeValue':
      return { toString: () => `Type<${z.string().parse(held)}>` };
    case 'boolValue':
    case 'stringValue':
      return held;
    case 'nullValue':
      return null;
    case 'listValue':
      return Values.parse(held).values.map(valueOf);
    case 'mapValue':
      return new Map(Entries.parse(held).entries.map((entry) => [valueOf(entry.key), valueOf(entry.value)]));
    default:
      throw new NoSuchValue(`No manifest holds a ${kind}.`);
  }
};

const printedExpectation = (value: unknown): string => {
  try {
    return printed(valueOf(value));
  } catch (error) {
    if (!(error instanceof NoSuchValue)) throw error;
    return JSON.stringify(value);
  }
};

/** A value with its type, so that 1 and 1.0 are two; entries in the order of their keys. */
const printed = (value: unknown): string => {
  if (typeof value === 'bigint') return `int ${value}`;
  const unsigned = typeof value === 'object' ? value?.valueOf() : undefined;
  if (typeof unsigned === 'bigint') return `uint ${unsigned}`;
  if (typeof value === 'number') return Object.is(value, -0) ? 'double -0' : `double ${value}`;
  if (Array.isArray(value)) return `[${value.map(printed).join(', ')}]`;
  if (value instanceof Map) return printedEntries([...value]);
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return JSON.stringify(value);
  // Types, of the library and of the suite, print as Type<int>.
  const [, type] = /^Type<(\w+)>$/.exec(z.coerce.string().catch('').parse(value)) ?? [];
  if (type !== undefined) return `type ${type === 'null' ? 'null_type' : type}`;
  return isJsonObject(value) ? printedEntries(Object.entries(value)) : `a ${typeof value}`;
};

const printedEntries = (entries: readonly (readonly [unknown, unknown])[]): string =>
  `{${entries
    .map(([key, value]) => `${printed(key)}: ${printed(value)}`)
    .toSorted()
    .join(', ')}}`;
