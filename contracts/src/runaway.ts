// A bot that calls one model or tool again and again, told while it does.
import { z } from 'zod';
import { defineCommand, defineEvent } from './message.ts';

/** Dollars to the 10^-12, as a text, so that sums stay exact. */
export const ExactUsd = z.string().regex(/^\d+(?:\.\d{1,12})?$/);

const runaway = {
  runawayId: z.uuid(),
  botId: z.uuid(),
  fleetId: z.uuid().nullable(),
  /** TRACE: one trace calls the same again and again; BOT: the calls of all its traces are too many. */
  kind: z.enum(['TRACE', 'BOT']),
  traceId: z.string().nullable(),
  callType: z.enum(['MODEL', 'TOOL']).nullable(),
  /** The model or tool; empty where it is the calls of a bot. */
  name: z.string(),
  calls: z.int().min(1),
  tokens: z.int().min(0),
  costUsd: ExactUsd,
  since: z.iso.datetime(),
  lastAt: z.iso.datetime(),
};

export const RunawayDetected = defineEvent(
  'trace.runaway.detected.v1',
  'A bot makes more calls within a minute than are allowed; told once for each trace.',
  z.object({ ...runaway, callsMax: z.int().min(1) }),
);
export const RunawayEnded = defineEvent(
  'trace.runaway.ended.v1',
  'A runaway is over: its root came, or nothing came for two minutes. Counts are those of all of it.',
  z.object({ ...runaway, reason: z.enum(['root', 'silence']) }),
);
export const ReportRunaway = defineCommand(
  'trace.runaway.report.v1',
  "Says that a bot runs away. trace's own job; not for callers.",
  RunawayDetected.data,
);
export const EndRunaway = defineCommand(
  'trace.runaway.end.v1',
  "Says that a runaway is over. trace's own job; not for callers.",
  RunawayEnded.data,
);
