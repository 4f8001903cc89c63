// Every dashboard, by the name of its file.
import type { Described } from '../dashboard.ts';
import { audit } from './audit.ts';
import { oneBot } from './bot.ts';
import { driftAndReconcile } from './drift.ts';
import { fleetHealth } from './fleet-health.ts';
import { molthub } from './molthub.ts';
import { policy } from './policy.ts';
import { rollouts } from './rollouts.ts';
import { tracesAndCost } from './traces.ts';

export const dashboards: Readonly<Record<string, Described>> = {
  'fleet-health': fleetHealth,
  bot: oneBot,
  drift: driftAndReconcile,
  rollouts,
  traces: tracesAndCost,
  policy,
  audit,
  molthub,
};
