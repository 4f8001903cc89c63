// Public tests of CEL and of JSON Schema, by what rules really judge with.
import { describe, expect, test } from 'vitest';
import { celConformance } from './cel-conformance.ts';
import type { ConformanceCase } from './conformance-case.ts';
import { conformancePage } from './conformance-reference.ts';
import { schemaConformance } from './schema-conformance.ts';

const cel = celConformance();
const schema = schemaConformance();
const named = (cases: readonly ConformanceCase[], outcome: ConformanceCase['outcome']) =>
  cases.filter((one) => one.outcome === outcome).map(({ name, said }) => `${name}: ${said}`);

describe('CEL', () => {
  test('has all its tests here', () => expect(cel.length).toBe(2_344));
  test('is answered as it says, or refused: never otherwise', () => expect(named(cel, 'wrong')).toEqual([]));
  test('an error is passed only by that error, and not by what rules may not write', () => {
    const refused = new Set(cel.filter(({ outcome }) => outcome === 'refuses').map(({ name }) => name));
    const unasked = cel.filter(
      ({ outcome, said }) => outcome === 'passes' && /leave the u out|'int\(uint\)'/.test(said),
    );
    expect(unasked.map(({ name }) => name)).toEqual([]);
    expect(refused).toContain('fields/map_fields/map_key_mixed_numbers_lossy_double_key');
    expect(refused).toContain('conversions/int/uint_range');
    expect(refused).not.toContain('integer_math/int64_math/divide_zero');
  });
  test('passes most of what is about JSON', () => {
    const ours = cel.filter(({ applies }) => applies);
    expect(named(ours, 'passes').length / ours.length).toBeGreaterThan(0.9);
  });
});

describe('JSON Schema 2020-12', () => {
  test('has all its required tests here', () => expect(schema.length).toBe(1_299));
  test('is applied as it says, or refused: never otherwise', () => expect(named(schema, 'wrong')).toEqual([]));
  test('passes most of them', () => expect(named(schema, 'passes').length).toBeGreaterThan(1_000));
});

test('what is refused is listed in docs/policy-conformance.md; else run `node services/policy/src/rules/conformance-reference.ts`', () => {
  const { present, wanted } = conformancePage({ cel, schema });
  expect(present).toBe(wanted);
});
