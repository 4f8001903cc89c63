// A waiver lets some bots break one rule for a while. It has an owner, a reason and an end, and changes nothing of what
// keeps the rule.
import { z } from 'zod';
import { Labels, PackId } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

/** A waiver ends at most so many days after it was made. */
export const waiverDaysMax = 365;

/** Whom it is for: one bot, the bots of a fleet, or those with all of these labels. */
export const WaiverScope = z.union([
  z.strictObject({ botInstanceId: z.uuid() }),
  z.strictObject({ fleetId: z.uuid() }),
  z.strictObject({
    selector: Labels.refine((labels) => Object.keys(labels).length > 0, 'name a label; a waiver is never for all bots'),
  }),
]);
export type WaiverScope = z.infer<typeof WaiverScope>;

const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u, 'no control characters, and no space at either end');

const waiver = {
  /** Of those that have not ended, one in a workspace has it. */
  name: line(100),
  packId: PackId,
  ruleId: z.string().min(1).max(63),
  scope: WaiverScope,
  /** Who answers for it: a person or a team. */
  owner: line(200),
  reason: z.string().min(1).max(500),
  expiresAt: z.iso.datetime(),
  /** The one that ends with this one's beginning; nothing is between the two. */
  replaces: z.uuid().optional(),
};

export const WaiverCreated = defineEvent(
  'policy.waiver.created.v1',
  'From now on some bots may break a rule, until the waiver ends.',
  z.object({ waiverId: z.uuid(), ...waiver }),
);
export const WaiverDeleted = defineEvent(
  'policy.waiver.deleted.v1',
  'A waiver ended before its time.',
  z.object({ waiverId: z.uuid() }),
);
export const WaiverExpired = defineEvent(
  'policy.waiver.expired.v1',
  'The time of a waiver is over; what it waived violates again.',
  z.object({ waiverId: z.uuid() }),
);
export const CreateWaiver = defineCommand(
  'policy.waiver.create.v1',
  'Lets some bots break one rule for a while.',
  z.strictObject({ waiverId: z.uuid(), ...waiver }),
);
export const DeleteWaiver = defineCommand(
  'policy.waiver.delete.v1',
  'Ends a waiver before its time.',
  z.strictObject({ waiverId: z.uuid(), expectedVersion: z.int().min(1).optional() }),
);
export const ExpireWaiver = defineCommand(
  'policy.waiver.expire.v1',
  "Ends a waiver whose time is over. Policy's own timer; not for callers.",
  z.strictObject({ waiverId: z.uuid() }),
);

export const WaiverStatus = z.enum(['ACTIVE', 'EXPIRED', 'DELETED']);

const time = z.iso.datetime();
export const WaiversView = defineReadModel(
  'policy',
  'waivers',
  'Every waiver, also those that ended.',
  z.object({
    workspace: WorkspaceSlug,
    id: z.uuid(),
    name: z.string(),
    pack_id: PackId,
    rule_id: z.string(),
    bot_id: z.uuid().nullable(),
    fleet_id: z.uuid().nullable(),
    selector: z.record(z.string(), z.string()).nullable(),
    owner: z.string(),
    reason: z.string(),
    expires_at: time,
    status: WaiverStatus,
    created_by: z.string(),
    created_at: time,
    ended_at: time.nullable(),
    version: z.int(),
  }),
);
