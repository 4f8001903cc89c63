// Who made a thing: a label that `apply --owner` writes, and without which nothing is ever pruned.
import { z } from 'zod';
import type { Document, DocumentKind } from './document-kind.ts';

export const ownerLabel = 'molthub.dev/applied-from';

const Labels = z.record(z.string(), z.string()).catch({});

/** The labels of a document; none where its kind has no labels. */
export const labelsOf = ({ labelsAt }: DocumentKind, document: Document): Readonly<Record<string, string>> => {
  if (labelsAt === undefined) return {};
  const [outer, inner] = labelsAt;
  const part = outer === 'spec' ? document.spec : document.metadata;
  return Labels.parse(Object.entries(part).find(([name]) => name === inner)?.[1] ?? {});
};
