// What every handler of the gateway works with.
import type { Commander } from '@molthub/bus';
import type { Reads } from '@molthub/event-store';
import type { Cursors } from '@molthub/http';
import type { SigningKey } from '@molthub/ingest-token';
import type { Runtime } from '@molthub/service';

export type Part = { readonly name: string; readonly ready: boolean; readonly detail: string };

export type World = {
  /** The gateway's own tables and commands. */
  readonly runtime: Runtime;
  /** Every service's published views. */
  readonly views: Reads;
  readonly commander: Commander;
  readonly cursors: Cursors;
  /** What API keys are derived from. */
  readonly secret: Buffer;
  readonly signingKey: SigningKey;
  readonly readiness: () => Promise<readonly Part[]>;
  /** Aborts when the door closes. */
  readonly closing: AbortSignal;
  /** The OpenAPI document. */
  readonly document: () => Readonly<Record<string, unknown>>;
};
