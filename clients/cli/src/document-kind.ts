// What `apply`, `diff`, `lint`, `fmt`, `export` and `--prune` know of a kind of document. The rows are in document-kinds.ts.
import type { z } from 'zod';
import type { Loose } from './answers.ts';
import type { Client } from './client.ts';
import type { Timeline } from './follow.ts';

/** A checked document: plain JSON, its defaults filled in. */
export type Document = {
  readonly apiVersion: 'molthub/v1';
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
};

/** A thing that a document names: it has to be on the server, or in another document. */
export type Reference = { readonly kind: string; readonly name: string; readonly path: readonly PropertyKey[] };

/** What can be said of a right document without a server: an error is what no server takes. */
export type Remark = {
  readonly severity: 'error' | 'warning';
  readonly path: readonly PropertyKey[];
  readonly message: string;
};

export type Lapsed = { readonly path: readonly PropertyKey[]; readonly reason: string };

/** The server, and the ids behind the names that documents use. What was found is asked for once. */
export type Server = {
  readonly client: Client;
  readonly thing: (kind: string, name: string) => Promise<(Loose & { readonly id: string }) | undefined>;
  readonly nameOf: (kind: string, id: string) => Promise<string | undefined>;
};

/** What the server has, as the document that would make it. */
export type Current = {
  readonly id: string;
  readonly title: string;
  readonly document: Document;
  /** Of what it was read, where a change is refused once it is another. */
  readonly version?: number;
  /** The version of its manifest, where it has one. */
  readonly manifestVersion?: number;
  /** What there was to wait for when it became so. */
  readonly layer?: LayerChange;
  /** Why the document at hand cannot change it. */
  readonly refusal?: string | undefined;
};

/** A bot, for whoever looks at it. */
export type KnownBot = { readonly id: string; readonly title: string };

/** A bot that has another manifest now, for whoever waits for it. */
export type BotChange = KnownBot & {
  /** Whether the change reaches the bot by itself: a fleet may release by hand. */
  readonly released: boolean;
  /** The bot's timeline, read up to the change. */
  readonly timeline: Timeline;
};

/** A layer of another version now, for whoever waits for the bots that it moves. */
export type LayerChange = {
  readonly title: string;
  /** Where the server has the layer. */
  readonly path: string;
  readonly version: number;
};

export type Change = BotChange | LayerChange;

/** Those with the label of an owner, or the one with an id. */
export type Only = { readonly owner?: string; readonly id?: string };

export type LabelsAt = readonly ['metadata' | 'spec', string];

export type DocumentKind = {
  /** As documents say it, such as `Fleet`. */
  readonly kind: string;
  /** As titles begin, such as `fleet` in `fleet/support`. */
  readonly noun: string;
  readonly path: string;
  readonly schema: z.ZodType<Document>;
  /** Where a thing of this kind carries labels, such as `spec.tags`; without them nothing of it is ever pruned. */
  readonly labelsAt: LabelsAt | undefined;
  /** Whether a document is all there is. Of other kinds, what a document leaves out stays as the server has it. */
  readonly isWhole: boolean;
  /** What of a document is compared: not where a thing is, which is how it was found. */
  readonly comparable: (document: Document) => Document;
  /** Whether nothing refers to it: several are written at a time, and a refused one keeps no other from being written. */
  readonly isLeaf: boolean;
  /** Whether this one comes after all kinds, since it is about one of the things that other documents make. */
  readonly isLate?: (document: Document, created: ReadonlySet<string>) => boolean;
  /** What of a right document's fields lets it bring about nothing any more; what it once brought about stays. */
  readonly lapsed?: (document: Document) => Lapsed | undefined;
  readonly titleOf: (document: Document) => string;
  readonly referencesOf: (document: Document) => readonly Reference[];
  readonly remarksOn: (document: Document) => readonly Remark[];
  readonly find: (server: Server, document: Document) => Promise<Current | undefined>;
  /** Everything of this kind that a document could have made, or at least those that are asked for. */
  readonly all: (server: Server, only?: Only) => Promise<readonly Current[]>;
  readonly create: (server: Server, document: Document, reason: string) => Promise<Change | undefined>;
  readonly change: (
    server: Server,
    document: Document,
    current: Current,
    reason: string,
  ) => Promise<Change | undefined>;
  /**
   * Why automation leaves a thing as it is, or undefined: somebody gave it back what it was before this document. Kinds
   * without versions have no such memory.
   */
  readonly heldBy?: (server: Server, document: Document, current: Current) => Promise<string | undefined>;
};
