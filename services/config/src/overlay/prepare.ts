import {
  type ChooseCohort,
  cohortMax,
  type CommandOf,
  type CreateOverlay,
  type DeleteOverlay,
  Overlay,
  type PassOverlayEdge,
  type UpdateOverlay,
} from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import { cohortOf, type Ranked, rankOf } from '@molthub/layers';
import type { Prepared } from '@molthub/service';
import { checkLayer } from '../layers/check-layer.ts';
import { layersStream, wanted } from '../layers/layer-change.ts';
import { type KnownOverlay, layersOf } from '../layers/known-layers.ts';
import { isTargeted } from '../layers/layered.ts';
import { labelledBots } from '../layers/reached-bots.ts';
import type { OverlayCommand } from './decider.ts';

type Unprepared =
  | CommandOf<typeof CreateOverlay>
  | CommandOf<typeof UpdateOverlay>
  | CommandOf<typeof DeleteOverlay>
  | CommandOf<typeof PassOverlayEdge>
  | CommandOf<typeof ChooseCohort>;

/** As with profiles; and the share of an overlay is found here, among the bots that there are. */
export const prepareOverlay = async (command: Unprepared, reads: Reads): Promise<Prepared<OverlayCommand>> => {
  const { workspace, actor } = command;
  const { overlayId: id } = command.data;
  const layers = await layersOf(workspace, reads);
  const expects = [{ stream: layersStream(workspace), version: layers.version }];
  const known = layers.all.find((layer): layer is KnownOverlay => layer.kind === 'overlay' && layer.id === id);
  switch (command.type) {
    case 'config.overlay.create.v1':
    case 'config.overlay.update.v1': {
      if (command.type === 'config.overlay.update.v1' && !known) throw notFound();
      const { overlayId: _, ...given } = command.data;
      const content = Overlay.parse(known ? wanted(known.content, given) : given);
      const chosen = await shareOf(content, { id, workspace, members: known?.content.cohort ?? [] }, reads);
      const version = (known?.version ?? 0) + 1;
      // Whether its schedule has it on does not matter here: it is looked at as if it had.
      const saved = { ...content, active: true, cohort: chosen && [...chosen] };
      await checkLayer(
        { kind: 'overlay', id, version, author: actor, content: saved },
        { layers, workspace, reads, time: command.time },
      );
      return { command: { ...command, cohort: chosen }, expects };
    }
    case 'config.overlay.choose-cohort.v1': {
      const members = known?.content.cohort ?? [];
      const chosen = known ? await shareOf(known.content, { id, workspace, members }, reads) : null;
      return { command: { ...command, cohort: chosen }, expects };
    }
    case 'config.overlay.delete.v1':
      if (!known) throw notFound();
      return { command, expects };
    case 'config.overlay.pass-edge.v1':
      return { command, expects };
    default:
      return unreachable(command);
  }
};

const notFound = () => new Rejected('config.overlay-not-found', 'There is no such overlay.');

type Share = { readonly id: string; readonly workspace: string; readonly members: readonly string[] };

/** The bots of a percentage, by rank; those that are in already stay as long as their number allows. */
const shareOf = async (
  { rollout, target }: Overlay,
  { id, workspace, members }: Share,
  reads: Reads,
): Promise<readonly string[] | null> => {
  if (rollout === null || !('percentage' in rollout)) return null;
  const targeted: Ranked[] = [];
  for await (const bot of labelledBots(workspace, reads)) {
    if (isTargeted(target, bot, bot.labels)) targeted.push({ id: bot.botId, rank: rankOf(id, bot.botId) });
  }
  const chosen = cohortOf({ percentage: rollout.percentage }, targeted, members);
  if (chosen.length <= cohortMax) return chosen;
  const message = `A share has at most ${cohortMax} bots; this one would have ${chosen.length}. Lower the percentage, or make two overlays of it.`;
  throw new Rejected('config.share-too-large', message);
};
