// Checks of RFC 6962 proofs, as an auditor without the log makes them (algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2).
import { nodeHash } from './merkle.ts';

/** Whether the leaf at `index` is in the tree of `size` leaves with this root. Sizes and indexes are bigint: 64 bits. */
export const isIncluded = (proof: {
  readonly index: bigint;
  readonly size: bigint;
  readonly leaf: Buffer;
  readonly path: readonly Buffer[];
  readonly root: Buffer;
}): boolean => {
  if (proof.index < 0n || proof.index >= proof.size || ![proof.leaf, ...proof.path].every(isHash)) return false;
  let at = proof.index;
  let last = proof.size - 1n;
  let node = proof.leaf;
  for (const sibling of proof.path) {
    if (last === 0n) return false;
    if (isOdd(at) || at === last) {
      node = nodeHash(sibling, node);
      while (!isOdd(at) && at !== 0n) {
        at >>= 1n;
        last >>= 1n;
      }
    } else {
      node = nodeHash(node, sibling);
    }
    at >>= 1n;
    last >>= 1n;
  }
  return last === 0n && node.equals(proof.root);
};

/** Whether the tree of `newSize` leaves only appended to the one of `oldSize`. Says nothing about an empty old tree. */
export const isConsistent = (proof: {
  readonly oldSize: bigint;
  readonly newSize: bigint;
  readonly oldRoot: Buffer;
  readonly newRoot: Buffer;
  readonly path: readonly Buffer[];
}): boolean => {
  const { oldSize, newSize, oldRoot, newRoot } = proof;
  if (oldSize > newSize || oldSize <= 0n) return false;
  if (oldSize === newSize) return proof.path.length === 0 && oldRoot.equals(newRoot);
  if (![oldRoot, newRoot, ...proof.path].every(isHash)) return false;
  let at = oldSize - 1n;
  let last = newSize - 1n;
  while (isOdd(at)) {
    at >>= 1n;
    last >>= 1n;
  }
  // A complete old tree is itself the first node of the path.
  const path = at === 0n ? [oldRoot, ...proof.path] : proof.path;
  const [first, ...rest] = path;
  if (!first) return false;
  let oldNode = first;
  let newNode = first;
  for (const sibling of rest) {
    if (last === 0n) return false;
    if (isOdd(at) || at === last) {
      oldNode = nodeHash(sibling, oldNode);
      newNode = nodeHash(sibling, newNode);
      while (!isOdd(at) && at !== 0n) {
        at >>= 1n;
        last >>= 1n;
      }
    } else {
      newNode = nodeHash(newNode, sibling);
    }
    at >>= 1n;
    last >>= 1n;
  }
  return last === 0n && oldNode.equals(oldRoot) && newNode.equals(newRoot);
};

/** Without this an empty leaf would be proved by an empty root. */
const isHash = (value: Buffer): boolean => value.length === 32;

const isOdd = (value: bigint): boolean => value % 2n === 1n;
