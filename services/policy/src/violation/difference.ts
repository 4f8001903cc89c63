// What is new of what was found, and what is not there any more.
import { hash } from 'node:crypto';
import type { Violation } from '@molthub/contracts';
import canonicalize from 'canonicalize';
import { z } from 'zod';

/** One that is listed: what it is known by, and what is told of it when it goes. */
export const Present = z.object({ key: z.string(), packId: z.string(), ruleId: z.string(), path: z.string() });
export type Present = z.infer<typeof Present>;

/** Two findings are the same where they say the same, and do the same about it. */
export const keyOf = (violation: Violation): string => hash('sha256', canonicalize(violation) ?? '');

/** The same finding whatever is done about it, which may differ between a proposal and the background. */
export const findingOf = ({ action: _, ...said }: Violation): string => hash('sha256', canonicalize(said) ?? '');

export const differenceOf = (
  present: readonly Present[],
  found: readonly Violation[],
): { readonly opened: readonly Violation[]; readonly resolved: readonly Present[] } => {
  const known = new Set(present.map(({ key }) => key));
  const still = new Set(found.map(keyOf));
  return {
    opened: found.filter((violation) => !known.has(keyOf(violation))),
    resolved: present.filter(({ key }) => !still.has(key)),
  };
};
