// What has to be done so that the server has what documents say.
import { z } from 'zod';
import type { Current, Document, DocumentKind } from './document-kind.ts';
import type { Desired } from './desired.ts';
import { type Difference, differences } from './differences.ts';
import { labelled, ownerRefusal } from './ownership.ts';

type About = { readonly kind: DocumentKind; readonly title: string };

/**
 * One step: nothing there yet, something else there, exactly that, something that no document can bring about, something
 * that is left as it is for now, or something that no document describes any more.
 */
export type Step = About &
  (
    | { readonly action: 'create'; readonly document: Document }
    | {
        readonly action: 'change';
        readonly document: Document;
        readonly current: Current;
        readonly changes: readonly Difference[];
      }
    | { readonly action: 'unchanged'; readonly current?: Current }
    | {
        readonly action: 'impossible';
        readonly reason: string;
        /** Where in its document, if it is one field. */
        readonly path?: readonly PropertyKey[];
      }
    | { readonly action: 'held'; readonly reason: string }
    | { readonly action: 'delete'; readonly current: Current }
  );
export const Action = z.enum(['create', 'change', 'unchanged', 'impossible', 'held', 'delete']);
export type Action = z.infer<typeof Action>;

export const stepFor = (desired: Desired, current: Current | undefined, owner?: string): Step => {
  const { kind, title } = desired;
  const reason = current?.refusal ?? ownerRefusal(kind, desired.document, current, owner);
  if (reason !== undefined) return { kind, title, action: 'impossible', reason };
  const document = labelled(kind, desired.document, current?.document, owner);
  const changes = current === undefined ? [] : changesTo(kind, current.document, document);
  if (current !== undefined && changes.length === 0) return { kind, title, action: 'unchanged', current };
  const lapsed = kind.lapsed?.(document);
  // What ended before anybody made it asks for nothing; another end than the one it had is too late.
  if (lapsed !== undefined && current === undefined) return { kind, title, action: 'unchanged' };
  if (lapsed !== undefined) return { kind, title, action: 'impossible', ...lapsed };
  if (current === undefined) return { kind, title, action: 'create', document };
  return { kind, title, action: 'change', document, current, changes };
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
