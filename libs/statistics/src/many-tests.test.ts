import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { alphaOfLook, holm } from './many-tests.ts';

test('Holm raises as R’s p.adjust does', () => {
  const raised = holm([0.01, 0.02, 0.03, 0.04, 0.05]);
  expect(raised.map((p) => Number(p.toFixed(12)))).toEqual([0.05, 0.08, 0.09, 0.09, 0.09]);
  expect(holm([0.04, 0.001, 0.9])).toEqual([0.08, 0.003, 0.9]);
  expect(holm([])).toEqual([]);
});

test('Holm never lowers a p, keeps their order, and raises none above what Bonferroni does', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }), (ps) => {
      const raised = holm(ps);
      for (const [at, p] of ps.entries()) {
        expect(raised[at]).toBeGreaterThanOrEqual(p);
        expect(raised[at]).toBeLessThanOrEqual(Math.min(1, p * ps.length));
        for (const [other, q] of ps.entries()) if (p < q) expect(raised[at]).toBeLessThanOrEqual(raised[other] ?? 0);
      }
    }),
  );
});

test('all planned looks together spend alpha, and others nothing', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.0001, max: 0.5, noNaN: true }), fc.integer({ min: 1, max: 100 }), (alpha, looks) => {
      const spent = Array.from({ length: looks }, (_, at) => alphaOfLook(alpha, looks, at + 1));
      expect(spent.reduce((sum, share) => sum + share, 0)).toBeCloseTo(alpha, 12);
      for (const look of [0, -1, 1.5, looks + 1]) expect(alphaOfLook(alpha, looks, look)).toBe(0);
    }),
  );
});
