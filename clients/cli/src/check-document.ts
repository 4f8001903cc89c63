// Whether a document is what its kind says it is, with every problem at its line.
import type { z } from 'zod';
import type { Document, DocumentKind, Remark } from './document-kind.ts';
import { documentKindOf, documentKinds } from './document-kinds.ts';
import { fieldProblems, nearest, pathText } from './issue-words.ts';
import type { YamlDocument } from './yaml-documents.ts';

export type Finding = {
  readonly severity: Remark['severity'];
  readonly file: string;
  readonly line: number;
  /** The field; empty where it is about the whole document. */
  readonly path: string;
  readonly message: string;
};

export type Checked = { readonly kind: DocumentKind; readonly source: YamlDocument; readonly document: Document };

export const findingAt = (
  source: YamlDocument,
  path: readonly PropertyKey[],
  message: string,
  severity: Remark['severity'],
): Finding => ({
  severity,
  file: source.file,
  line: source.lineOf(path),
  path: pathText(path),
  message,
});

/** A document that its schema takes, or all that is wrong with it. */
export const checkDocument = (source: YamlDocument): Checked | { readonly findings: readonly Finding[] } => {
  const error = (path: readonly PropertyKey[], message: string) => findingAt(source, path, message, 'error');
  const said = kindIn(source.value);
  if (said === undefined) return { findings: [error([], `no kind; it is one of ${kindList()}`)] };
  const kind = documentKindOf(said);
  if (kind === undefined) {
    const near = nearest(
      said,
      documentKinds.map((one) => one.kind),
    );
    const fix = near === undefined ? `use one of ${kindList()}` : `did you mean '${near}'?`;
    return { findings: [error(['kind'], `kind '${said}' is not known; ${fix}`)] };
  }
  const parsed = kind.schema.safeParse(source.value);
  if (parsed.success) return { kind, source, document: parsed.data };
  return { findings: misfits(kind.schema, source, parsed.error) };
};

const misfits = (schema: z.ZodType, source: YamlDocument, { issues }: z.ZodError): readonly Finding[] =>
  issues
    .flatMap((issue) => fieldProblems(schema, source.value, issue))
    .map(({ path, message }) => findingAt(source, path, message, 'error'));

/** Tests of packs may lie beside what is applied; they ask for nothing themselves. */
export const isPolicyTest = ({ value }: YamlDocument): boolean => kindIn(value) === 'PolicyTest';

/** What is wrong with a document that is not of a kind of thing. */
export const findingsBy = (schema: z.ZodType, source: YamlDocument): readonly Finding[] => {
  const parsed = schema.safeParse(source.value);
  return parsed.success ? [] : misfits(schema, source, parsed.error);
};

const kindList = (): string => documentKinds.map(({ kind }) => kind).join(', ');

const kindIn = (value: unknown): string | undefined => {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  return typeof value.kind === 'string' ? value.kind : JSON.stringify(value.kind);
};
