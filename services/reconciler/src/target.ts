// The contract of a target: where and how bots run. Kinds are an open list; each one passes target.conformance.ts.
import type { DriftClass, Endpoint, ResolvedManifest } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Action } from './plan.ts';

/** What a bot is to be; read from the log's fold at the moment of the work. */
export type Desired = {
  readonly workspace: string;
  readonly botId: string;
  readonly botName: string;
  readonly fleetId: string;
  readonly environment: string;
  readonly version: number;
  readonly generation: number;
  readonly hash: string;
  readonly resolved: ResolvedManifest;
  readonly run: 'RUNNING' | 'PAUSED' | 'STOPPED' | 'DESTROYED';
  /** How many restarts were asked for so far; a process started for fewer is restarted. */
  readonly restarts: number;
  /** Ends what may take long: something newer is asked of the bot, or Molthub stops. What was begun is found again. */
  readonly cancelled?: AbortSignal;
};

/** One way in which a bot differs from what was asked; secrets are redacted by whoever makes it. */
export type Difference = {
  readonly class: DriftClass;
  readonly path: string;
  readonly desired: unknown;
  readonly observed: unknown;
  readonly owner: 'bot' | 'external' | 'unknown';
};

/** Where a token that is past its time shows. */
export const tokenAgePath = 'spec.security.tokenMaxAgeDays';

export type Running = {
  readonly is: 'running';
  readonly endpoint: Endpoint;
  readonly tokenReference: string | null;
  /** What it was last brought to; null where it cannot be told. */
  readonly generation: number | null;
  /** Taken over what was observed, less what the engine and the target add themselves. */
  readonly hash: string | null;
  readonly version: string | null;
  readonly restarts: number;
  readonly channels: 'open' | 'cut';
  /** `no`: it had its time and did not answer. `not-yet`: it may still do so. */
  readonly answers: 'yes' | 'no' | 'not-yet';
  readonly differences: readonly Difference[];
};

export type Observation =
  /** Nothing of this bot is here. */
  | { readonly is: 'absent' }
  | {
      readonly is: 'stopped';
      /** Stopped by us, and not by itself. */
      readonly asAsked: boolean;
      readonly detail: string;
      readonly version: string | null;
    }
  | Running
  /** It could not be found out; doing something now might do it twice. */
  | { readonly is: 'unknown'; readonly detail: string }
  /** Something else is where this bot should be; it is never touched. */
  | { readonly is: 'foreign'; readonly detail: string };

/** Something that Molthub made for a bot. */
export type Marked = {
  readonly botId: string;
  readonly workspace: string;
  readonly pid: number | null;
  /** Where it is and how it was recognised. */
  readonly detail: string;
};

/** A JSON merge patch (RFC 7396). */
export type JsonPatch = { readonly patch: Readonly<Record<string, unknown>>; readonly paths: readonly string[] };

/** What `configure` came to: in force already, perhaps by a restart of the bot's own, or only after a (re)start. */
export type Configured = 'unchanged' | 'hot' | 'restarted' | 'needs-restart';

/**
 * Every verb may be repeated: it answers when the bot is as asked, whoever brought that about. A refusal that trying
 * again cannot change is `Rejected`; every other throw is tried again after looking first.
 */
export type Target = {
  readonly kind: string;
  /** How many bots of this kind are worked on at once. */
  readonly concurrency: number;
  /** How long to wait before the second look that confirms drift, in ms. */
  readonly confirmMs: number;
  /** What is to be done to get from one to the other; pure. */
  readonly plan: (desired: Desired, observed: Observation) => readonly Action[];
  readonly observe: (desired: Desired) => Promise<Observation>;
  readonly install: (desired: Desired, say: Say) => Promise<void>;
  readonly configure: (desired: Desired, say: Say) => Promise<Configured>;
  readonly start: (desired: Desired, say: Say) => Promise<void>;
  /** `hard` is for a process that answers nobody. */
  readonly stop: (desired: Desired, how: 'clean' | 'hard') => Promise<void>;
  readonly restart: (desired: Desired, say: Say) => Promise<void>;
  readonly destroy: (desired: Desired) => Promise<void>;
  /** The last lines of the bot's log, oldest first. */
  readonly logs: (desired: Desired, lines: number) => Promise<readonly string[]>;
  /** Bots that this target ran before Molthub was restarted: takes them up again and says nothing. */
  readonly adopt: (bots: readonly Desired[]) => Promise<void>;
  /** Everything here that has Molthub's mark, whether or not a bot accounts for it. What has none is never among it. */
  readonly marked: () => Promise<readonly Marked[]>;
  /** What would make the bot's desired configuration what it was found to run; null where that cannot be told. */
  readonly observedPatch: (desired: Desired) => Promise<JsonPatch | null>;
  /** Calls back when a bot seems to have changed by itself. Hints only: a lost one costs time. */
  readonly watch: (changed: (botId: string) => void) => () => void;
  /** The machine whose bots these are, for kinds that are bound to one. */
  readonly node: string | null;
  /** Lets go of everything but the bots' own processes. */
  readonly close: () => Promise<void>;
};

/** Adds a word about how a step went to the deployment's timeline. */
export type Say = (message: string) => void;

export type Targets = ReadonlyMap<string, Target>;

export const targetsOf = (...targets: readonly Target[]): Targets =>
  new Map(targets.map((target) => [target.kind, target]));

/** The target of a kind; an unknown kind is refused by name. */
export const targetOf = (targets: Targets, kind: string): Target => {
  const target = targets.get(kind);
  if (target) return target;
  throw new Rejected(
    'reconciler.target-unknown',
    `This installation has no target "${kind}"; it has ${[...targets.keys()].join(', ')}.`,
    [{ path: 'spec.target.kind', code: 'unknown', message: `Use one of ${[...targets.keys()].join(', ')}.` }],
  );
};
