// Whom an overlay is for: all that it names, those of them in its share, and those that run something else by it.
import { Environment, type OverlayTargets } from '@molthub/contracts';
import { Rejected } from '@molthub/decider';
import type { Reads } from '@molthub/event-store';
import type { z } from 'zod';
import { type KnownLayer, type KnownOverlay, layersOf } from './known-layers.ts';
import { isTargeted, layeredHash, reaches } from './layered.ts';
import { botsOf } from './reached-bots.ts';

/** An answer has at most 512 KiB. */
const shownMax = 1_000;

/** Bots come in the order of their ids; those beyond the first thousand are only counted. */
export const targetsOf = async (
  overlayId: string,
  workspace: string,
  reads: Reads,
): Promise<z.infer<typeof OverlayTargets>> => {
  const layers = await layersOf(workspace, reads);
  const overlay = layers.all.find((layer): layer is KnownOverlay => layer.kind === 'overlay' && layer.id === overlayId);
  if (!overlay) throw new Rejected('config.overlay-not-found', 'There is no such overlay.');
  const { target, enabled, active } = overlay.content;
  const others = layers.all.filter((layer) => layer !== overlay);
  const on: KnownLayer = { ...overlay, content: { ...overlay.content, enabled: true, active: true } };
  const items: z.infer<typeof OverlayTargets>['items'] = [];
  const counts = { targeted: 0, chosen: 0, reached: 0, changed: 0 };
  for await (const bot of botsOf(workspace, reads)) {
    if (!isTargeted(target, bot, bot.manifest.metadata.labels ?? {})) continue;
    const isChosen = reaches(on, bot, bot.manifest);
    const isReached = isChosen && enabled && active;
    const without = layeredHash(bot.manifest, bot, { version: layers.version, all: others });
    const withIt = layeredHash(bot.manifest, bot, { version: layers.version, all: [...others, on] });
    const isChanged = isChosen && withIt !== without;
    counts.targeted += 1;
    counts.chosen += Number(isChosen);
    counts.reached += Number(isReached);
    counts.changed += Number(isChanged);
    if (items.length >= shownMax) continue;
    const { botId: botInstanceId, botName: name, fleetId, fleetName } = bot;
    const environment = Environment.parse(bot.environment);
    items.push({ botInstanceId, name, fleetId, fleetName, environment, isChosen, isReached, isChanged });
  }
  return { overlayId, isActive: enabled && active, counts, items, isComplete: counts.targeted === items.length };
};
