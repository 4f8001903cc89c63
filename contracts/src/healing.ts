// Fleets of which nothing is healed, because too much of them drifted at once: one stream `healing-<fleetId>`.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const HealingHeld = defineEvent(
  'reconciler.healing.held.v1',
  'So much of a fleet drifted at once that the fault is probably ours: nothing of it is healed for now.',
  z.object({
    fleetId: z.uuid(),
    /** How many of its bots drifted within a minute, and how many it has. */
    drifted: z.int().min(1),
    bots: z.int().min(1),
    /** The share of a fleet above which healing is held. */
    shareMax: z.number().min(0).max(1),
  }),
);
export const HealingResumed = defineEvent(
  'reconciler.healing.resumed.v1',
  'The bots of a fleet are healed again.',
  z.object({
    fleetId: z.uuid(),
    /** Nobody had to say so: no more of the fleet drifts than may. */
    isOver: z.boolean(),
    reason: z.string(),
  }),
);

export const HoldHealing = defineCommand(
  'reconciler.healing.hold.v1',
  "Heals nothing of a fleet for now. The reconciler's own; not for callers.",
  HealingHeld.data,
);
export const ResumeHealing = defineCommand(
  'reconciler.healing.resume.v1',
  'Heals the bots of a fleet again.',
  z.strictObject({
    fleetId: z.uuid(),
    reason: z.string().max(500).default(''),
    /** Said by the reconciler itself; whoever is a person leaves it out. */
    isOver: z.boolean().default(false),
  }),
);

export const HealingHoldsView = defineReadModel(
  'reconciler',
  'healing_holds',
  'Fleets of which nothing is healed for now, because too much of them drifted at once.',
  z.object({ workspace: WorkspaceSlug, fleet_id: z.uuid(), drifted: z.int(), bots: z.int(), since: z.iso.datetime() }),
);
