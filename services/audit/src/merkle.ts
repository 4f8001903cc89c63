// A Merkle log after RFC 6962: leaves and nodes are hashed with different prefixes, and a tree of any size is made of
// the complete subtrees of its leaves. Pure; nothing here knows a database.
import { hash } from 'node:crypto';

const leafPrefix = Buffer.of(0x00);
const nodePrefix = Buffer.of(0x01);

/** RFC 6962 §2.1: SHA-256(0x00 ‖ entry). */
export const leafHash = (entry: Uint8Array): Buffer => hash('sha256', Buffer.concat([leafPrefix, entry]), 'buffer');

/** RFC 6962 §2.1: SHA-256(0x01 ‖ left ‖ right). */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer =>
  hash('sha256', Buffer.concat([nodePrefix, left, right]), 'buffer');

/** What must be remembered of a tree to append to it: its size, and its complete subtrees, largest first. */
export type Frontier = { readonly size: number; readonly peaks: readonly Buffer[] };

/** The root of a complete subtree: `index` counts the subtrees of 2^`level` leaves from the left. */
export type Subtree = { readonly level: number; readonly index: number; readonly hash: Buffer };

export const emptyFrontier: Frontier = { size: 0, peaks: [] };

/**
 * Subtrees are kept at every eighth level. Leaves and these give the root and the proofs of any size from at most
 * three ranges of 256 hashes each, at the price of one stored node per 256 leaves.
 */
export const levelStep = 8;

/** Appends leaf hashes; answers the new frontier and the complete subtrees of kept levels that this finished. */
export const append = (
  frontier: Frontier,
  leaves: readonly Buffer[],
): { readonly frontier: Frontier; readonly subtrees: readonly Subtree[] } => {
  const peaks = [...frontier.peaks];
  const subtrees: Subtree[] = [];
  let size = frontier.size;
  for (const leaf of leaves) {
    let node = leaf;
    // Every trailing one bit of the size is a complete subtree as large as the one at hand: the two become one.
    let rest = size;
    let level = 0;
    while (rest % 2 === 1) {
      const left = peaks.pop();
      if (!left) throw new Error(`A tree of ${size} leaves lacks a complete subtree.`);
      node = nodeHash(left, node);
      rest = Math.floor(rest / 2);
      level += 1;
      if (level % levelStep === 0) subtrees.push({ level, index: rest, hash: node });
    }
    peaks.push(node);
    size += 1;
  }
  return { frontier: { size, peaks }, subtrees };
};

/** The root over everything appended so far; of an empty tree the hash of nothing (RFC 6962 §2.1). */
export const rootOf = ({ peaks }: Frontier): Buffer =>
  peaks.length === 0
    ? hash('sha256', Buffer.alloc(0), 'buffer')
    : peaks.reduceRight((right, left) => nodeHash(left, right));

/** How many complete subtrees a tree of this size is made of: the one bits of its size. */
export const peaksOf = (size: number): number => {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
};
