// Attributes as they are stored → as OTLP's JSON has them, with every value's type and every digit.
// Source: opentelemetry-proto common.proto; the JSON mapping of Protobuf.

export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number | string }
  | { readonly bytesValue: string }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } }
  | { readonly kvlistValue: { readonly values: readonly KeyValue[] } }
  /** No value. */
  | Readonly<Record<string, never>>;
export type KeyValue = { readonly key: string; readonly value: AnyValue };

/**
 * The attributes in the JSON text of one stored object. Numbers are told apart by how they are written: with a dot or
 * an exponent they are doubles, as are integers that no int64 holds.
 */
export const readAttributes = (json: string): readonly KeyValue[] => {
  const value: unknown = JSON.parse(json, typed);
  return isTyped(value) && 'kvlistValue' in value ? listOf(value.kvlistValue) : [];
};

/** Called for what is innermost first, so that what an array or object holds has become a value already. */
const typed = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return numberOf(context?.source ?? String(value));
  if (value === null) return {};
  if (Array.isArray(value)) return { arrayValue: { values: value } };
  return special(value ?? {}) ?? { kvlistValue: { values: Object.entries(value ?? {}).map(pairOf) } };
};

const pairOf = ([key, value]: readonly [string, unknown]) => ({ key, value });

const numberOf = (source: string): AnyValue =>
  /[.eE]/.test(source) || BigInt.asIntN(64, BigInt(source)) !== BigInt(source)
    ? { doubleValue: Number(source) }
    : { intValue: source };

/** What JSON has no form for lies in an object of one key. */
const special = (object: object): AnyValue | undefined => {
  const entries = Object.entries(object);
  const [entry] = entries;
  if (entries.length !== 1 || !entry) return undefined;
  const [key, value] = entry;
  const text = isTyped(value) && 'stringValue' in value ? value.stringValue : undefined;
  if (typeof text !== 'string') return undefined;
  if (key === 'otlp:bytes') return { bytesValue: text };
  if (key === 'otlp:double') return { doubleValue: text };
  return undefined;
};

const isTyped = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const listOf = (list: unknown): readonly KeyValue[] =>
  isTyped(list) && Array.isArray(list['values']) ? list['values'] : [];

/** A value as plain JSON: what it looks like where types do not matter. */
export const plainValue = (value: AnyValue): unknown => {
  if ('stringValue' in value) return value.stringValue;
  if ('boolValue' in value) return value.boolValue;
  if ('intValue' in value)
    return Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : value.intValue;
  if ('doubleValue' in value) return value.doubleValue;
  if ('bytesValue' in value) return value.bytesValue;
  if ('arrayValue' in value) return (value.arrayValue?.values ?? []).map(plainValue);
  if ('kvlistValue' in value) {
    return Object.fromEntries(
      (value.kvlistValue?.values ?? []).map(({ key, value: inner }) => [key, plainValue(inner)]),
    );
  }
  return null;
};
