// What is wrong with a bot, for as long as it is. Kinds are added by those who find them.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, WorkspaceSlug } from './message.ts';

export const FindingKind = z.enum(['RUNAWAY']);
export const FindingSeverity = z.enum(['WARNING', 'CRITICAL']);

const finding = {
  findingId: z.uuid(),
  botId: z.uuid(),
  /** Null for a bot that is in no fleet. */
  fleetId: z.uuid().nullable(),
  kind: FindingKind,
};
/** What was seen, by name; what the names are depends on the kind. */
const evidence = z.record(z.string(), z.json());

export const FindingOpened = defineEvent(
  'health.finding.opened.v1',
  'Something is wrong with a bot; it is until the finding is closed.',
  z.object({ ...finding, severity: FindingSeverity, title: z.string(), evidence, openedAt: z.iso.datetime() }),
);
export const FindingClosed = defineEvent(
  'health.finding.closed.v1',
  'What was wrong with a bot is over. The evidence is that of all of it.',
  z.object({ ...finding, evidence, closedAt: z.iso.datetime() }),
);
export const OpenFinding = defineCommand(
  'health.finding.open.v1',
  "Opens a finding, once. Health's own; not for callers.",
  FindingOpened.data,
);
export const CloseFinding = defineCommand(
  'health.finding.close.v1',
  "Closes an open finding. Health's own; not for callers.",
  FindingClosed.data,
);

const time = z.iso.datetime();
export const FindingsView = defineReadModel(
  'health',
  'findings',
  'What is or was wrong with bots; open where `closed_at` is null.',
  z.object({
    workspace: WorkspaceSlug,
    id: z.uuid(),
    bot_id: z.uuid(),
    fleet_id: z.uuid().nullable(),
    kind: FindingKind,
    severity: FindingSeverity,
    title: z.string(),
    evidence,
    opened_at: time,
    closed_at: time.nullable(),
  }),
);
