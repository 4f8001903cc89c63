// Who made a thing: a label that `apply --owner` writes, and without which nothing is ever pruned.
import { z } from 'zod';
import { usageError } from './cli-error.ts';
import type { Current, Document, DocumentKind } from './document-kind.ts';

export const ownerLabel = 'molthub.dev/applied-from';

const Owner = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,98}[A-Za-z0-9])?$/);
const Labels = z.record(z.string(), z.string()).catch({});

/** An owner's name as it was typed. Throws a usage error where it is none. */
export const ownerOf = (text: string): string => {
  const owner = Owner.safeParse(text);
  if (owner.success) return owner.data;
  throw usageError(`'${text.slice(0, 100)}' is no owner: use letters, digits, and . _ / - between them, at most 100`);
};

/** The labels of a document; none where its kind has no labels. */
export const labelsOf = ({ labelsAt }: DocumentKind, document: Document): Readonly<Record<string, string>> => {
  if (labelsAt === undefined) return {};
  const [outer, inner] = labelsAt;
  return Labels.parse(Object.entries(document[outer]).find(([name]) => name === inner)?.[1] ?? {});
};

/**
 * What a document says, with the label of its owner. Without an owner the server's label stays, so that applying a file by
 * hand takes nothing away from whoever it belongs to. Kinds without labels stay as they are.
 */
export const labelled = (
  kind: DocumentKind,
  document: Document,
  current: Document | undefined,
  owner: string | undefined,
): Document => {
  if (kind.labelsAt === undefined) return document;
  const there = current === undefined ? {} : labelsOf(kind, current);
  const own = labelsOf(kind, document);
  const label = own[ownerLabel] ?? owner ?? there[ownerLabel];
  if (label === undefined || (owner === undefined && !kind.isWhole && !saysLabels(kind.labelsAt, document))) {
    return document;
  }
  // A document of such a kind that says nothing of labels leaves the server's.
  const base = kind.isWhole || saysLabels(kind.labelsAt, document) ? own : there;
  return withLabels(kind.labelsAt, document, { ...base, [ownerLabel]: label });
};

/** The document as people keep it in files: whose it is is said when it is applied. */
export const unlabelled = (kind: DocumentKind, document: Document): Document => {
  const { [ownerLabel]: owner, ...labels } = labelsOf(kind, document);
  if (kind.labelsAt === undefined || owner === undefined) return document;
  return withLabels(kind.labelsAt, document, Object.keys(labels).length === 0 ? undefined : labels);
};

/** Why this owner may not change that thing, or undefined. */
export const ownerRefusal = (
  kind: DocumentKind,
  document: Document,
  current: Current | undefined,
  owner: string | undefined,
): string | undefined => {
  if (owner === undefined) return undefined;
  const written = labelsOf(kind, document)[ownerLabel];
  if (written !== undefined && written !== owner) {
    return `its file labels it ${ownerLabel}: ${written}, and it is applied for ${owner}; remove the label`;
  }
  const other = current === undefined ? undefined : labelsOf(kind, current.document)[ownerLabel];
  if (other === undefined || other === owner) return undefined;
  return `it belongs to ${other}, not to ${owner}; describe it there, or take the label ${ownerLabel} off it first`;
};

const saysLabels = ([outer, inner]: NonNullable<DocumentKind['labelsAt']>, document: Document): boolean =>
  Object.hasOwn(document[outer], inner);

const withLabels = (
  [outer, inner]: NonNullable<DocumentKind['labelsAt']>,
  document: Document,
  labels: Readonly<Record<string, string>> | undefined,
): Document => {
  const { [inner]: _, ...rest } = Object.fromEntries(Object.entries(document[outer]));
  const part = labels === undefined ? rest : { ...rest, [inner]: labels };
  return outer === 'spec'
    ? { ...document, spec: part }
    : { ...document, metadata: { ...part, name: document.metadata.name } };
};
