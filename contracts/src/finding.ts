// What is wrong with a bot, for as long as it is. Kinds are added by those who find them.
import { z } from 'zod';
import { defineCommand, defineEvent, defineReadModel, openList, WorkspaceSlug } from './message.ts';

export const FindingKind = z.enum(['RUNAWAY', 'UNHEALTHY', 'RESTARTING', 'FLAPPING']).meta(openList);
export type FindingKind = z.infer<typeof FindingKind>;
export const FindingSeverity = z.enum(['WARNING', 'CRITICAL']);
export type FindingSeverity = z.infer<typeof FindingSeverity>;

/** What can be done about a finding, and why that: an action of the bot's, or none. */
export const FindingRepair = z.object({
  action: z.enum(['restart', 'reconcile', 'none']).meta(openList),
  why: z.string(),
});
export type FindingRepair = z.infer<typeof FindingRepair>;

export const findingRepairs: Readonly<Record<FindingKind, FindingRepair>> = {
  RUNAWAY: { action: 'restart', why: 'A new process ends the loop; what the bot was working on is lost.' },
  UNHEALTHY: { action: 'restart', why: 'A process that answers nobody is replaced by a new one on the same state.' },
  RESTARTING: {
    action: 'reconcile',
    why: 'It is restarted already; its configuration is compared and written again, which a restart does not do.',
  },
  FLAPPING: { action: 'none', why: 'It is well in between; read its log and its readings to see what it waits for.' },
};

const finding = {
  findingId: z.uuid(),
  botId: z.uuid(),
  /** Null for a bot that is in no fleet. */
  fleetId: z.uuid().nullable(),
};
/** What was seen, by name; what the names are depends on the kind. */
const evidence = z.record(z.string(), z.json());
const opened = { severity: FindingSeverity, title: z.string(), evidence, openedAt: z.iso.datetime() };
const closed = { evidence, closedAt: z.iso.datetime() };
const ofKind = { ...finding, kind: FindingKind };
const runaway = { ...finding, kind: z.enum(['RUNAWAY']) };

export const FindingOpened = defineEvent(
  'health.finding.opened.v2',
  'Something is wrong with a bot; it is until the finding is closed.',
  z.object({ ...ofKind, ...opened }),
);
export const FindingClosed = defineEvent(
  'health.finding.closed.v2',
  'What was wrong with a bot is over. The evidence is that of all of it.',
  z.object({ ...ofKind, ...closed }),
);
/** From when there was one kind only: in logs, and said no more. */
export const RunawayFindingOpened = defineEvent(
  'health.finding.opened.v1',
  'A bot runs away. Replaced by health.finding.opened.v2, which says every kind.',
  z.object({ ...runaway, ...opened }),
);
export const RunawayFindingClosed = defineEvent(
  'health.finding.closed.v1',
  'A runaway is over. Replaced by health.finding.closed.v2, which says every kind.',
  z.object({ ...runaway, ...closed }),
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
