// Profiles: what the bots of some fleets have in common, and what nobody above may say otherwise.
import {
  type CommandOf,
  type CreateProfile,
  type DeleteProfile,
  type FactOf,
  LayersChanged,
  Profile,
  ProfileCreated,
  ProfileDeleted,
  ProfileUpdated,
  type UpdateProfile,
} from '@molthub/contracts';
import { type Decider, type Placed, Rejected, unreachable } from '@molthub/decider';
import { diff } from '@molthub/manifest';
import { expectVersion } from '../expected-version.ts';
import { layersStream, wanted } from '../layers/layer-change.ts';

export const profileEvents = [ProfileCreated, ProfileUpdated, ProfileDeleted, LayersChanged] as const;
export type ProfileFact = FactOf<(typeof profileEvents)[number]>;

export type ProfileCommand =
  | CommandOf<typeof CreateProfile>
  | CommandOf<typeof UpdateProfile>
  | CommandOf<typeof DeleteProfile>;

type Existing = { readonly kind: 'exists'; readonly version: number; readonly profile: Profile };
export type ProfileState = { readonly kind: 'absent' } | Existing | { readonly kind: 'deleted' };

export const profiles: Decider<ProfileState, ProfileCommand, ProfileFact> = {
  initial: { kind: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'config.profile.create.v1': {
        if (state.kind !== 'absent') {
          throw new Rejected('config.profile-exists', 'A profile with this id exists or existed.');
        }
        const created = { type: ProfileCreated.type, data: command.data };
        return [created, changed(command, 'created', command.data.name, 1)];
      }
      case 'config.profile.update.v1': {
        const { version, profile } = existing(state);
        const { profileId, expectedVersion, ...fields } = command.data;
        expectVersion(expectedVersion, version);
        const after = Profile.parse(wanted(profile, fields));
        if (diff(profile, after).length === 0) return [];
        const updated = { type: ProfileUpdated.type, data: { ...after, profileId } };
        return [updated, changed(command, 'updated', after.name, version + 1)];
      }
      case 'config.profile.delete.v1': {
        const { version, profile } = existing(state);
        expectVersion(command.data.expectedVersion, version);
        const { name } = profile;
        const deleted = { type: ProfileDeleted.type, data: { profileId: command.data.profileId, name } };
        return [deleted, changed(command, 'deleted', name, version + 1)];
      }
      default:
        return unreachable(command);
    }
  },
  evolve: (state, fact) => {
    switch (fact.type) {
      case 'config.profile.created.v1':
      case 'config.profile.updated.v1': {
        const { profileId: _, ...profile } = fact.data;
        return { kind: 'exists', version: state.kind === 'exists' ? state.version + 1 : 1, profile };
      }
      case 'config.profile.deleted.v1':
        return { kind: 'deleted' };
      // In the stream of the workspace's layers, not in this one.
      case 'config.layers.changed.v1':
        return state;
      default:
        return unreachable(fact);
    }
  },
};

const existing = (state: ProfileState): Existing => {
  if (state.kind !== 'exists') throw new Rejected('config.profile-not-found', 'There is no such profile.');
  return state;
};

const changed = (
  { workspace, data: { profileId: id } }: ProfileCommand,
  change: FactOf<typeof LayersChanged>['data']['change'],
  name: string,
  version: number,
): Placed<ProfileFact> => ({
  type: LayersChanged.type,
  stream: layersStream(workspace),
  data: { layer: { kind: 'profile', id, name, version }, change },
});
