// What documents ask for, checked before anything is sent.
import type { z } from 'zod';
import { checkDocument } from './check-document.ts';
import { CliError } from './cli-error.ts';
import type { Document, DocumentKind } from './document-kind.ts';
import { fieldProblems, pathText } from './issue-words.ts';
import type { YamlDocument } from './yaml-documents.ts';

type Where = {
  readonly file: string;
  readonly number: number;
  readonly line: number;
  /** The line where a path of it stands, or the nearest thing around it. */
  readonly lineOf: YamlDocument['lineOf'];
};

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
  const checked = checkDocument(document);
  if ('document' in checked)
    return desiredAs(checked.kind, checked.document, {
      file,
      number,
      line: document.lineOf([]),
      lineOf: document.lineOf,
    });
  const [first] = checked.findings;
  // Of a document that says nothing of its kind there is only this to tell.
  if (first !== undefined && ['', 'kind'].includes(first.path)) {
    throw new CliError(`${at({ file, number, line: first.line })}: ${first.message}`);
  }
  const problems = checked.findings.map(({ line, path, message }) => ({
    path: `line ${line}: ${path}`,
    code: 'invalid',
    message,
  }));
  throw new CliError(`${file}: document ${number} is not valid`, { problems });
};

/** A document that is not of a kind of thing, as its schema reads it. Throws a CliError with every problem and its line. */
export const checked = <S extends z.ZodType>(schema: S, document: YamlDocument): z.infer<S> => {
  const parsed = schema.safeParse(document.value);
  if (parsed.success) return parsed.data;
  const found = parsed.error.issues.flatMap((issue) => fieldProblems(schema, document.value, issue));
  const problems = found.map(({ path, message }) => ({
    path: `line ${document.lineOf(path)}: ${pathText(path)}`,
    code: 'invalid',
    message,
  }));
  throw new CliError(`${document.file}: document ${document.number} is not valid`, { problems });
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

/** `file:line` of a place in a document. */
export const placeIn = ({ file, lineOf }: Where, path: readonly PropertyKey[]): string => `${file}:${lineOf(path)}`;

const at = ({ file, number, line }: Omit<Where, 'lineOf'>): string => `${file}: document ${number}, line ${line}`;
