// What has to be done so that the server has what a document says.
import type { Current, Document, DocumentKind } from './document-kind.ts';
import type { Desired } from './desired.ts';
import { type Difference, differences } from './differences.ts';

/** One step: nothing there yet, something else there, exactly that, or something that no document can bring about. */
export type Step =
  | { readonly action: 'create'; readonly desired: Desired }
  | {
      readonly action: 'change';
      readonly desired: Desired;
      readonly current: Current;
      readonly changes: readonly Difference[];
    }
  | { readonly action: 'unchanged'; readonly desired: Desired }
  | { readonly action: 'impossible'; readonly desired: Desired; readonly reason: string };

export const stepFor = (desired: Desired, current: Current | undefined): Step => {
  if (current === undefined) return { action: 'create', desired };
  if (current.refusal !== undefined) return { action: 'impossible', desired, reason: current.refusal };
  const changes = changesTo(desired.kind, current.document, desired.document);
  return changes.length === 0 ? { action: 'unchanged', desired } : { action: 'change', desired, current, changes };
};

/** Where what a document says differs from what is there. */
export const changesTo = (kind: DocumentKind, from: Document, to: Document): readonly Difference[] => {
  const wanted = kind.comparable(to);
  const there = kind.comparable(from);
  if (kind.isWhole) return differences(there, wanted);
  // Fields that a document leaves out are not its business: the server's stay.
  const spec = Object.fromEntries(Object.entries(there.spec).filter(([name]) => Object.hasOwn(wanted.spec, name)));
  return differences({ ...there, spec }, wanted);
};
