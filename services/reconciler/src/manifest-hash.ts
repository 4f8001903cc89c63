// The name of what a bot is to run, or really runs: SHA-256 over its canonical JSON (RFC 8785).
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** Equal manifests have equal hashes, whatever the order of their keys. */
export const manifestHash = (manifest: unknown): string => {
  const text = canonicalize(manifest);
  if (text === undefined) throw new Error('This value has no JSON form.');
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
};
