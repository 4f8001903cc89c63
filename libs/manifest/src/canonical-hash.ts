import { hash } from 'node:crypto';
import { Rejected } from '@molthub/decider';
import canonicalize from 'canonicalize';

/**
 * SHA-256 over the canonical JSON (RFC 8785) of a value, as `sha256:` and 64 hex digits: equal content gives an equal
 * hash, whatever the order of keys. Throws `Rejected` for what has no canonical form: lone surrogates, NaN, infinities,
 * cycles, and values that are no JSON at all.
 */
export const canonicalHash = (value: unknown): `sha256:${string}` => `sha256:${hash('sha256', canonicalJson(value))}`;

const canonicalJson = (value: unknown): string => {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch (cause) {
    throw refusal(cause instanceof Error ? cause.message : String(cause));
  }
  if (text === undefined) throw refusal('this is no JSON value');
  return text;
};

const refusal = (reason: string) =>
  new Rejected('config.not-canonical', `The manifest has no canonical form: ${reason}. Remove or correct that value.`);
