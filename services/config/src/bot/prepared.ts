// Bot commands with everything that their decision rests on, read before they are decided.
import type {
  CommandOf,
  ConcludeManifest,
  CreateBot,
  Environment,
  FleetStatus,
  Manifest,
  Problem,
  ProposeManifest,
  Release,
  ResolvedManifest,
  RetireBot,
  RollBackManifest,
} from '@molthub/contracts';

/** The fleet of a bot at the version that the commit will check. */
export type FleetFacts = {
  readonly fleetId: string;
  readonly name: string;
  readonly environment: Environment;
  readonly status: FleetStatus;
  readonly release: Release;
};

/** A checked manifest: what it resolves to, or all that is wrong with it. */
export type Resolution =
  | { readonly sound: true; readonly resolved: ResolvedManifest; readonly hash: string }
  | { readonly sound: false; readonly problems: readonly Problem[] };

/** A published version that is to be published again, exactly as it was. */
export type EarlierVersion = {
  readonly version: number;
  readonly manifest: Manifest;
  readonly resolved: ResolvedManifest;
  readonly hash: string;
};

type InFleet = { readonly fleet: FleetFacts | null };

export type PreparedCreate = CommandOf<typeof CreateBot> & InFleet & { readonly resolution: Resolution | null };
export type PreparedPropose = CommandOf<typeof ProposeManifest> & InFleet & { readonly resolution: Resolution | null };
export type PreparedRollBack = CommandOf<typeof RollBackManifest> &
  InFleet & { readonly earlier: EarlierVersion | null };
export type PreparedConclude = CommandOf<typeof ConcludeManifest> & InFleet;
export type PreparedRetire = CommandOf<typeof RetireBot>;

export type BotCommand = PreparedCreate | PreparedPropose | PreparedRollBack | PreparedConclude | PreparedRetire;
