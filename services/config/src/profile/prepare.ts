import { Profile } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { Prepared } from '@molthub/service';
import { checkLayer } from '../layers/check-layer.ts';
import { layersStream, wanted } from '../layers/layer-change.ts';
import { type KnownLayer, layersOf } from '../layers/known-layers.ts';
import type { ProfileCommand } from './decider.ts';

/**
 * What a profile says is applied, or the profile is refused: its paths and values are checked, and that every bot it
 * reaches resolves with it. The decision holds for the layers that were read.
 */
export const prepareProfile = async (command: ProfileCommand, reads: Reads): Promise<Prepared<ProfileCommand>> => {
  const { workspace, actor } = command;
  const { profileId: id } = command.data;
  const layers = await layersOf(workspace, reads);
  const known = layers.all.find((layer) => layer.kind === 'profile' && layer.id === id);
  if (command.type !== 'config.profile.create.v1' && !known) {
    throw new Rejected('config.profile-not-found', 'There is no such profile.');
  }
  if (command.type !== 'config.profile.delete.v1') {
    const { profileId: _, ...given } = command.data;
    const content: Profile = Profile.parse(known ? wanted(known.content, given) : given);
    const layer: KnownLayer = { kind: 'profile', id, version: (known?.version ?? 0) + 1, author: actor, content };
    await checkLayer(layer, { layers, workspace, reads, time: command.time });
  }
  return { command, expects: [{ stream: layersStream(workspace), version: layers.version }] };
};
