import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { append, emptyFrontier, leafHash, nodeHash, peaksOf, rootOf } from './merkle.ts';
import { isConsistent, isIncluded } from './merkle-proof.ts';

/** RFC 6962 §2.1 word for word: the slow way that the fast one must agree with. */
const naiveRoot = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (!only) return rootOf(emptyFrontier);
  if (leaves.length === 1) return only;
  const split = largestPowerBelow(leaves.length);
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
};
const naivePath = (leaves: readonly Buffer[], index: number): Buffer[] => {
  if (leaves.length <= 1) return [];
  const split = largestPowerBelow(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...naivePath(left, index), naiveRoot(right)]
    : [...naivePath(right, index - split), naiveRoot(left)];
};
const largestPowerBelow = (size: number): number => 2 ** Math.ceil(Math.log2(size) - 1);
const leavesOf = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));

test('leaves and nodes of equal content have different hashes', () => {
  const [left, right] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  expect(leafHash(Buffer.concat([left, right])).equals(nodeHash(left, right))).toBe(false);
});

test('the published tree of eight leaves has the published root', () => {
  const published = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const { frontier } = append(
    emptyFrontier,
    published.map((hex) => leafHash(Buffer.from(hex, 'hex'))),
  );
  expect(rootOf(frontier).toString('hex')).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  expect(rootOf(emptyFrontier).toString('hex')).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
});

test('the root of every size up to 700 is that of RFC 6962, and its complete subtrees are kept at every eighth level', () => {
  const leaves = leavesOf(700);
  let frontier = emptyFrontier;
  const kept: { level: number; index: number; hash: Buffer }[] = [];
  for (const [at, leaf] of leaves.entries()) {
    const grown = append(frontier, [leaf]);
    frontier = grown.frontier;
    kept.push(...grown.subtrees);
    expect(frontier.peaks).toHaveLength(peaksOf(at + 1));
    if (at % 23 === 0 || at > 690) expect(rootOf(frontier)).toEqual(naiveRoot(leaves.slice(0, at + 1)));
  }
  expect(kept).toEqual([
    { level: 8, index: 0, hash: naiveRoot(leaves.slice(0, 256)) },
    { level: 8, index: 1, hash: naiveRoot(leaves.slice(256, 512)) },
  ]);
});

test('leaves appended in any batches give the same tree', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 12 }), (batches) => {
      const leaves = leavesOf(batches.reduce((sum, batch) => sum + batch, 0));
      let [frontier, at] = [emptyFrontier, 0];
      for (const batch of batches) {
        frontier = append(frontier, leaves.slice(at, at + batch)).frontier;
        at += batch;
      }
      expect(frontier).toEqual(append(emptyFrontier, leaves).frontier);
      expect(rootOf(frontier)).toEqual(naiveRoot(leaves));
    }),
  );
});

test('a leaf is proved to be in its tree, and nothing else is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 90 }), fc.nat(), fc.nat(), (size, some, other) => {
      const leaves = leavesOf(size);
      const index = some % size;
      const root = rootOf(append(emptyFrontier, leaves).frontier);
      const proof = { index: BigInt(index), size: BigInt(size), path: naivePath(leaves, index), root };
      const leaf = leaves[index] ?? Buffer.alloc(0);
      expect(isIncluded({ ...proof, leaf })).toBe(true);
      const wrong = Buffer.from(leaf);
      wrong[other % 32] = (wrong[other % 32] ?? 0) ^ 1;
      expect(isIncluded({ ...proof, leaf: wrong })).toBe(false);
    }),
  );
});

// transparency-dev/merkle, Apache-2.0; read in place, never copied.
const testdata = join(import.meta.dirname, '../../../../shared/data/public/merkle/testdata');

describe('the published proofs of transparency-dev/merkle', () => {
  test('are there', () => {
    expect(existsSync(testdata), `The published RFC 6962 vectors are missing at ${testdata}`).toBe(true);
  });

  const hash = z
    .string()
    .nullable()
    .transform((text) => Buffer.from(text ?? '', 'base64'));
  const path = z
    .array(hash)
    .nullable()
    .transform((hashes) => hashes ?? []);
  const integer = z.string().transform((digits) => BigInt(digits));

  /** Numbers go beyond 2^53, so they are read as text. */
  const vectors = (kind: string): readonly (readonly [string, unknown])[] => {
    const folder = join(testdata, kind);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .map((name) => [
        name,
        JSON.parse(readFileSync(join(folder, name), 'utf8').replace(/: (\d+)(,?)$/gm, ': "$1"$2')),
      ]);
  };

  const Inclusion = z.object({
    leafIdx: integer,
    treeSize: integer,
    root: hash,
    leafHash: hash,
    proof: path,
    wantErr: z.boolean(),
  });
  test.each(vectors('inclusion'))('inclusion %s', (_name, vector) => {
    const { leafIdx, treeSize, root, leafHash: leaf, proof, wantErr } = Inclusion.parse(vector);
    expect(isIncluded({ index: leafIdx, size: treeSize, leaf, path: proof, root })).toBe(!wantErr);
  });

  const Consistency = z.object({
    size1: integer,
    size2: integer,
    root1: hash,
    root2: hash,
    proof: path,
    wantErr: z.boolean(),
  });
  test.each(vectors('consistency'))('consistency %s', (_name, vector) => {
    const { size1, size2, root1, root2, proof, wantErr } = Consistency.parse(vector);
    const consistent = isConsistent({ oldSize: size1, newSize: size2, oldRoot: root1, newRoot: root2, path: proof });
    expect(consistent).toBe(!wantErr);
  });
});
