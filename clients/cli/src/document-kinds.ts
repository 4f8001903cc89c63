// The kinds of document, in the order in which things are made: whatever a kind refers to stands above it. A new kind is
// a file in document-kinds/ and a row here; with it comes everything that is done with documents.
import { botKind } from './document-kinds/bot.ts';
import { fleetKind } from './document-kinds/fleet.ts';
import { overlayKind, profileKind, templateKind } from './document-kinds/layers.ts';
import { policyPackKind } from './document-kinds/policy-pack.ts';
import { waiverKind } from './document-kinds/waiver.ts';
import type { DocumentKind } from './document-kind.ts';

export const documentKinds: readonly DocumentKind[] = [
  policyPackKind,
  fleetKind,
  waiverKind,
  templateKind,
  profileKind,
  overlayKind,
  botKind,
];

/** The kind that documents call so, or undefined. */
export const documentKindOf = (kind: string): DocumentKind | undefined =>
  documentKinds.find((one) => one.kind === kind);
