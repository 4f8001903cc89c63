// Fleets: what they are called, how they release, and the machine of their status.
import type {
  ChangeFleetStatus,
  CommandOf,
  CreateFleet,
  DeleteFleet,
  Environment,
  FactOf,
  FleetCreated,
  FleetDeleted,
  FleetStatus,
  FleetStatusChanged,
  FleetUpdated,
  Release,
  UpdateFleet,
} from '@molthub/contracts';
import { type Decider, Rejected, unreachable } from '@molthub/decider';
import { diff } from '@molthub/manifest';
import { strategyProblems } from '@molthub/strategy';
import { expectVersion } from '../expected-version.ts';

export type FleetCommand =
  | CommandOf<typeof CreateFleet>
  | CommandOf<typeof UpdateFleet>
  | CommandOf<typeof ChangeFleetStatus>
  | CommandOf<typeof DeleteFleet>;

export type FleetFact =
  | FactOf<typeof FleetCreated>
  | FactOf<typeof FleetUpdated>
  | FactOf<typeof FleetStatusChanged>
  | FactOf<typeof FleetDeleted>;

type Fleet = {
  readonly kind: 'exists';
  readonly version: number;
  readonly name: string;
  readonly description: string;
  readonly environment: Environment;
  readonly status: FleetStatus;
  readonly tags: Readonly<Record<string, string>>;
  readonly release: Release;
  readonly enforcedPolicyPackIds: readonly string[];
};
export type FleetState = { readonly kind: 'absent' } | Fleet | { readonly kind: 'deleted' };

/** A draining fleet either finishes or takes everything back; it does not pause half way. */
const moves: Readonly<Record<FleetStatus, readonly FleetStatus[]>> = {
  ACTIVE: ['PAUSED', 'DRAINING'],
  PAUSED: ['ACTIVE', 'DRAINING'],
  DRAINING: ['ACTIVE'],
  ERROR: ['ACTIVE', 'PAUSED', 'DRAINING'],
};

export const fleets: Decider<FleetState, FleetCommand, FleetFact> = {
  initial: { kind: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'config.fleet.create.v1':
        return create(command, state);
      case 'config.fleet.update.v1':
        return update(command, existing(state));
      case 'config.fleet.change-status.v1':
        return changeStatus(command, existing(state));
      case 'config.fleet.delete.v1':
        return remove(command, existing(state));
      default:
        return unreachable(command);
    }
  },
  evolve: (state, fact) => {
    switch (fact.type) {
      case 'config.fleet.created.v1': {
        const { fleetId: _, enforcedPolicyPackIds = [], ...fields } = fact.data;
        return { ...fields, enforcedPolicyPackIds, kind: 'exists', version: 1, status: 'ACTIVE' };
      }
      case 'config.fleet.updated.v1': {
        if (state.kind !== 'exists') return state;
        const {
          name = state.name,
          description = state.description,
          tags = state.tags,
          release = state.release,
          enforcedPolicyPackIds = state.enforcedPolicyPackIds,
        } = fact.data;
        const fields = { name, description, tags, release, enforcedPolicyPackIds };
        return { ...state, version: state.version + 1, ...fields };
      }
      case 'config.fleet.status-changed.v1':
        return state.kind === 'exists' ? { ...state, version: state.version + 1, status: fact.data.to } : state;
      case 'config.fleet.deleted.v1':
        return { kind: 'deleted' };
      default:
        return unreachable(fact);
    }
  },
};

/** Versions go out by themselves, except in prod, where somebody starts them. */
export const defaultRelease = (environment: Environment): Release => ({
  mode: environment === 'prod' ? 'manual' : 'auto',
  strategy: { kind: 'ALL' },
});

const existing = (state: FleetState): Fleet => {
  if (state.kind !== 'exists') throw new Rejected('config.fleet-not-found', 'There is no such fleet.');
  return state;
};

const create = ({ data }: CommandOf<typeof CreateFleet>, state: FleetState): readonly FleetFact[] => {
  if (state.kind !== 'absent') throw new Rejected('config.fleet-exists', 'A fleet with this id exists or existed.');
  const release = data.release ?? defaultRelease(data.environment);
  expectUsable(release);
  return [{ type: 'config.fleet.created.v1', data: { ...data, release } }];
};

/** Said when it is saved: with the next version nobody is there to read it. */
const expectUsable = ({ strategy }: Release): void => {
  const problems = strategyProblems(strategy, 'release.strategy');
  const [first] = problems;
  if (first) throw new Rejected('config.strategy-invalid', first.message, problems);
};

const update = ({ data }: CommandOf<typeof UpdateFleet>, fleet: Fleet): readonly FleetFact[] => {
  const { fleetId, expectedVersion, name, description, tags, release, enforcedPolicyPackIds: packIds } = data;
  expectVersion(expectedVersion, fleet.version);
  const changed = {
    ...(name !== undefined && name !== fleet.name ? { name } : {}),
    ...(description !== undefined && description !== fleet.description ? { description } : {}),
    ...(tags !== undefined && diff(fleet.tags, tags).length > 0 ? { tags } : {}),
    ...(release !== undefined && diff(fleet.release, release).length > 0 ? { release } : {}),
    ...(packIds !== undefined && diff(fleet.enforcedPolicyPackIds, packIds).length > 0
      ? { enforcedPolicyPackIds: packIds }
      : {}),
  };
  if (Object.keys(changed).length === 0) return [];
  if (changed.release) expectUsable(changed.release);
  return [{ type: 'config.fleet.updated.v1', data: { fleetId, ...changed } }];
};

const changeStatus = ({ data }: CommandOf<typeof ChangeFleetStatus>, fleet: Fleet): readonly FleetFact[] => {
  const { fleetId, status: to, reason, expectedVersion } = data;
  expectVersion(expectedVersion, fleet.version);
  const from = fleet.status;
  if (from === to) return [];
  if (!moves[from].includes(to)) {
    const message = `A fleet that is ${from} can only become ${moves[from].join(' or ')}, not ${to}.`;
    throw new Rejected('config.fleet-status-refused', message);
  }
  return [{ type: 'config.fleet.status-changed.v1', data: { fleetId, from, to, reason } }];
};

/** That no bots are left is the database's to say, at the moment of the commit: see `projection.ts`. */
const remove = ({ data }: CommandOf<typeof DeleteFleet>, fleet: Fleet): readonly FleetFact[] => {
  expectVersion(data.expectedVersion, fleet.version);
  if (fleet.environment === 'prod') {
    throw new Rejected('config.fleet-in-prod', 'A fleet in prod cannot be deleted.');
  }
  return [{ type: 'config.fleet.deleted.v1', data: { fleetId: data.fleetId } }];
};
