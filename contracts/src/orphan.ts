// What has Molthub's mark and no bot: one stream `orphan-<botId>`.
import { z } from 'zod';
import { TargetKind } from './manifest.ts';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const OrphanDetected = defineEvent(
  'reconciler.orphan.detected.v1',
  "Something with Molthub's mark is there whose bot is not. It is told and left alone.",
  z.object({
    botId: z.uuid(),
    target: TargetKind,
    node: z.string().nullable(),
    pid: z.int().nullable(),
    /** Where it is and how it was recognised. */
    detail: z.string(),
  }),
);
export const OrphanGone = defineEvent(
  'reconciler.orphan.gone.v1',
  'What no bot accounted for is not there any more, or its bot is.',
  z.object({ botId: z.uuid() }),
);

export const TellOrphan = defineCommand(
  'reconciler.orphan.tell.v1',
  "Makes known what no bot accounts for. The reconciler's own; not for callers.",
  OrphanDetected.data,
);
export const ForgetOrphan = defineCommand(
  'reconciler.orphan.forget.v1',
  "Says that an orphan is gone. The reconciler's own; not for callers.",
  OrphanGone.data,
);

export const OrphansView = defineReadModel(
  'reconciler',
  'orphans',
  "What has Molthub's mark and no bot.",
  z.object({
    workspace: WorkspaceSlug,
    bot_id: z.uuid(),
    target: z.string(),
    node: z.string().nullable(),
    pid: z.int().nullable(),
    detail: z.string(),
    since: z.iso.datetime(),
  }),
);
