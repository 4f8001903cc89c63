// What is wrong with documents, and what is doubtful about them, as far as it can be known without a server.
import { checkDocument, type Checked, type Finding, findingAt, findingsBy, isPolicyTest } from './check-document.ts';
import type { Document, DocumentKind, Remark } from './document-kind.ts';
import { labelsOf, ownerLabel } from './ownership.ts';
import { PolicyTestDocument } from './policy-tests.ts';
import { secretPaths } from './veiled.ts';
import type { YamlDocument, YamlProblem } from './yaml-documents.ts';

/** Everything that was found, by file and line. */
export const lint = (documents: readonly YamlDocument[], unread: readonly YamlProblem[]): readonly Finding[] => {
  const tests = documents.filter(isPolicyTest);
  const results = documents.filter((document) => !isPolicyTest(document)).map(checkDocument);
  const checked = results.flatMap((result) => ('document' in result ? [result] : []));
  return [
    ...unread.map(({ file, line, message }) => ({ severity: 'error' as const, file, line, path: '', message })),
    ...results.flatMap((result) => ('findings' in result ? result.findings : [])),
    ...tests.flatMap((test) => findingsBy(PolicyTestDocument, test)),
    ...doubles(checked),
    ...checked.flatMap((one) => remarksOn(one, checked)),
  ].toSorted((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
};

const doubles = (checked: readonly Checked[]): readonly Finding[] => {
  const seen = new Map<string, YamlDocument>();
  return checked.flatMap(({ kind, source, document }) => {
    const title = kind.titleOf(document);
    const before = seen.get(title);
    if (before === undefined) {
      seen.set(title, source);
      return [];
    }
    const message = `${title} is also described at ${before.file}:${before.lineOf([])}; keep one`;
    return [findingAt(source, [], message, 'error')];
  });
};

const remarksOn = ({ kind, source, document }: Checked, all: readonly Checked[]): readonly Finding[] => {
  const dangling = kind
    .referencesOf(document)
    .filter(({ kind: named, name }) =>
      all.every((one) => one.kind.kind !== named || one.document.metadata.name !== name),
    );
  const remarks: readonly Remark[] = [
    ...kind.remarksOn(document),
    ...dangling.map(
      ({ kind: named, name, path }): Remark => ({
        severity: 'warning',
        path,
        message: `no document here describes the ${named.toLowerCase()} '${name}'; it has to be on the server already`,
      }),
    ),
    ...secretPaths(document.spec).map(
      (path): Remark => ({
        severity: 'warning',
        path: ['spec', ...path],
        message:
          'looks like a secret, and documents are stored and shown; name where it is kept in spec.secrets, and refer to it',
      }),
    ),
    ...byHand(kind, document),
  ];
  return remarks.map(({ severity, path, message }) => findingAt(source, path, message, severity));
};

const byHand = (kind: DocumentKind, document: Document): readonly Remark[] => {
  if (kind.labelsAt === undefined || labelsOf(kind, document)[ownerLabel] === undefined) return [];
  const message = `the label ${ownerLabel} says who may delete this; leave it to apply --owner`;
  return [{ severity: 'warning', path: [...kind.labelsAt, ownerLabel], message }];
};
