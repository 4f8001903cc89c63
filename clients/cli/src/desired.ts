// What documents ask for, checked before anything is sent.
import type { z } from 'zod';
import { CliError } from './cli-error.ts';
import type { Document, DocumentKind } from './document-kind.ts';
import { documentKindOf, documentKinds } from './document-kinds.ts';
import { printable } from './printable.ts';
import type { YamlDocument } from './yaml-documents.ts';

type Where = { readonly file: string; readonly number: number; readonly line: number };

export type Desired = {
  readonly kind: DocumentKind;
  /** How it is called in plans and messages: `fleet/support`, `policy-pack/house-rules`, `bot/support/anna`. */
  readonly title: string;
  readonly where: Where;
  readonly document: Document;
};

/** What a document asks for. Throws a CliError with every problem of it, each with its line. */
export const desiredOf = (document: YamlDocument): Desired => {
  const { file, number } = document;
  const where = { file, number, line: document.lineOf([]) };
  const said = kindIn(document.value);
  if (said === undefined) throw new CliError(`${at(where)}: no kind; it is one of ${kindList()}`);
  const kind = documentKindOf(said);
  if (kind === undefined) {
    const line = document.lineOf(['kind']);
    const message = `kind '${printable(said)}' is not known; use one of ${kindList()}`;
    throw new CliError(`${at({ ...where, line })}: ${message}`);
  }
  return desiredAs(kind, checked(kind, document), where);
};

/** What a document that is known to be right asks for. */
export const desiredAs = (kind: DocumentKind, document: Document, where: Where): Desired => ({
  kind,
  title: kind.titleOf(document),
  where,
  document,
});

/** Refuses a set that says two things about one thing. */
export const refuseDoubles = (all: readonly Desired[]): void => {
  const seen = new Map<string, Desired>();
  for (const desired of all) {
    const earlier = seen.get(desired.title);
    if (earlier !== undefined) {
      throw new CliError(`${at(desired.where)}: ${desired.title} is also described at ${at(earlier.where)}`);
    }
    seen.set(desired.title, desired);
  }
};

const at = ({ file, number, line }: Where): string => `${file}: document ${number}, line ${line}`;

const kindList = (): string => documentKinds.map(({ kind }) => kind).join(', ');

const kindIn = (value: unknown): string | undefined => {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  return typeof value.kind === 'string' ? value.kind : JSON.stringify(value.kind);
};

const checked = (kind: DocumentKind, document: YamlDocument): Document => {
  const parsed = kind.schema.safeParse(document.value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    path: `line ${lineOfIssue(document, issue)}: ${issue.path.join('.')}`,
    code: issue.code ?? 'invalid',
    message: issue.message,
  }));
  const { file, number } = document;
  throw new CliError(`${file}: document ${number} is not valid`, { problems });
};

/** An unknown key is reported at the object that holds it; its line is the key's own. */
const lineOfIssue = (document: YamlDocument, issue: z.core.$ZodIssue): number =>
  document.lineOf(issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path);
