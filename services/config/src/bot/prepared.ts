// Bot commands with everything that their decision rests on, read before they are decided.
import type {
  AppliedLayers,
  AskAgain,
  CommandOf,
  ConcludeManifest,
  CreateBot,
  Environment,
  FleetStatus,
  Manifest,
  Problem,
  ProposeManifest,
  Release,
  ResolveAgain,
  ResolvedManifest,
  RetireBot,
  RollBackManifest,
} from '@molthub/contracts';
import type { Layers } from '../layers/known-layers.ts';

/** The fleet of a bot at the version that the commit will check. */
export type FleetFacts = {
  readonly fleetId: string;
  readonly name: string;
  readonly environment: Environment;
  readonly status: FleetStatus;
  readonly release: Release;
  readonly enforcedPolicyPackIds: readonly string[];
};

/** A checked manifest: what it resolves to, or all that is wrong with it. */
export type Resolution =
  | {
      readonly sound: true;
      readonly resolved: ResolvedManifest;
      readonly hash: string;
      readonly layers: AppliedLayers;
    }
  | { readonly sound: false; readonly problems: readonly Problem[] };

/** A published version that is to be published again, exactly as it was. */
export type EarlierVersion = {
  readonly version: number;
  readonly manifest: Manifest;
  readonly resolved: ResolvedManifest;
  readonly hash: string;
  /** Null where no layer had a part in it. */
  readonly layers: AppliedLayers | null;
};

type InFleet = { readonly fleet: FleetFacts | null };

/** What the bot is to run by its manifest, as it was read; the decision holds for this version only. */
export type Newest = { readonly version: number; readonly manifest: Manifest };

export type PreparedCreate = CommandOf<typeof CreateBot> & InFleet & { readonly resolution: Resolution | null };
export type PreparedPropose = CommandOf<typeof ProposeManifest> & InFleet & { readonly resolution: Resolution | null };
export type PreparedRollBack = CommandOf<typeof RollBackManifest> &
  InFleet & {
    readonly earlier: EarlierVersion | null;
    /** What its manifest resolves to by the layers of now, which the bot is not to run; null where it does not. */
    readonly layers: { readonly version: number; readonly hash: string | null };
  };
export type PreparedResolveAgain = CommandOf<typeof ResolveAgain> &
  InFleet & { readonly newest: Newest | null; readonly resolution: Resolution | null };
export type PreparedConclude = CommandOf<typeof ConcludeManifest> & InFleet & { readonly layers: Layers };
export type PreparedRetire = CommandOf<typeof RetireBot>;
export type PreparedAskAgain = CommandOf<typeof AskAgain>;

export type BotCommand =
  | PreparedCreate
  | PreparedPropose
  | PreparedRollBack
  | PreparedResolveAgain
  | PreparedAskAgain
  | PreparedConclude
  | PreparedRetire;
