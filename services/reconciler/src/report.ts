// What the loop's reports amount to. A report about an older generation, or about a wish since withdrawn, says nothing.
import {
  BotConverged,
  BotDestroyed,
  BotFailed,
  BotPaused,
  BotStarted,
  BotStopped,
  type CommandOf,
  DriftDetected,
  DriftHealed,
  type DriftItem,
  type Endpoint,
  type ReportBot,
} from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import type { Bot, BotFact } from './bot.ts';

export type Report = CommandOf<typeof ReportBot>['data']['report'];
type ReportOf<Kind extends Report['kind']> = Extract<Report, { readonly kind: Kind }>;

export const decideReport = (report: Report, bot: Bot): readonly BotFact[] => {
  if ('generation' in report && report.generation !== bot.generation) return [];
  switch (report.kind) {
    case 'started':
      return isSame(report.endpoint, bot.endpoint) ? [] : [started(bot, report)];
    case 'converged':
      return converged(report, bot);
    case 'failed':
      return failed(report, bot);
    case 'stopped':
      return stopped(report, bot);
    case 'paused':
      if (bot.wanted !== 'PAUSED' || bot.status === 'PAUSED') return [];
      return [{ type: BotPaused.type, data: { ...of(bot), steps: report.steps } }];
    case 'destroyed':
      return bot.status === 'DELETING' ? [{ type: BotDestroyed.type, data: { ...of(bot), steps: report.steps } }] : [];
    case 'drifted':
      return drifted(report, bot);
    default:
      return unreachable(report);
  }
};

const of = (bot: Bot) => ({ botId: bot.botId, fleetId: bot.fleetId });

const started = (bot: Bot, report: Omit<ReportOf<'started'>, 'kind'>): BotFact => ({
  type: BotStarted.type,
  data: {
    ...of(bot),
    generation: bot.generation,
    endpoint: report.endpoint,
    adopted: report.adopted,
    node: report.node,
    steps: report.steps,
    simulated: bot.simulated,
  },
});

const converged = (report: ReportOf<'converged'>, bot: Bot): readonly BotFact[] => {
  if (report.hash !== bot.hash)
    throw new Error(`${bot.botId} was reported as converged to ${report.hash}, not ${bot.hash}.`);
  if (report.restarts < bot.restarts || bot.wanted === 'STOPPED' || bot.status === 'DELETING') return [];
  const { endpoint, tokenReference, steps } = report;
  if (bot.drift) {
    const classes = [...new Set(bot.drift.items.map((item) => item.class))];
    const healed = { ...of(bot), generation: bot.generation, classes, endpoint, tokenReference, steps };
    return [{ type: DriftHealed.type, data: { ...healed, simulated: bot.simulated } }];
  }
  if (bot.status === 'RUNNING' || bot.status === 'PAUSED') {
    // Nothing was wrong; only a process adopted at another address is news.
    return isSame(endpoint, bot.endpoint) ? [] : [started(bot, { ...report, adopted: true, node: null })];
  }
  const { changeSetId, version, generation, hash, target, simulated } = bot;
  const data = { ...of(bot), changeSetId, version, generation, hash, endpoint, tokenReference, target };
  return [{ type: BotConverged.type, data: { ...data, applied: report.applied, steps, simulated } }];
};

const failed = (report: ReportOf<'failed'>, bot: Bot): readonly BotFact[] => {
  const { error, attempt, steps } = report;
  const known = bot.failure?.code === error.code && bot.failure.message === error.message;
  if (known && error.permanent && (bot.status === 'ERROR' || bot.status === 'DELETING')) return [];
  const { changeSetId, generation, simulated } = bot;
  return [{ type: BotFailed.type, data: { ...of(bot), changeSetId, generation, error, attempt, steps, simulated } }];
};

const stopped = (report: ReportOf<'stopped'>, bot: Bot): readonly BotFact[] => {
  if (bot.status === 'STOPPED' || bot.status === 'DELETING') return [];
  // Without a reason of its own the loop stopped it because someone wished so; that wish may be gone by now.
  if (bot.wanted !== 'STOPPED' && report.reason === '') return [];
  const reason = report.reason === '' ? bot.reason : report.reason;
  const fact: BotFact = { type: BotStopped.type, data: { ...of(bot), steps: report.steps, reason } };
  if (!bot.awaited) return [fact];
  const { changeSetId, generation, simulated } = bot;
  const error = {
    code: 'reconciler.bot-stopped',
    message: 'The bot was stopped before it got there.',
    permanent: true,
  };
  const gone = { ...of(bot), changeSetId, generation, error, attempt: 1, steps: [], simulated };
  return [{ type: BotFailed.type, data: gone }, fact];
};

const drifted = (report: ReportOf<'drifted'>, bot: Bot): readonly BotFact[] => {
  if (bot.status !== 'RUNNING' && bot.status !== 'DEGRADED' && bot.status !== 'PAUSED') return [];
  const { observedHash, items, mode } = report;
  const known = bot.drift?.mode === mode && fingerprint(bot.drift.items) === fingerprint(items);
  if (known) return [];
  return [{ type: DriftDetected.type, data: { ...of(bot), generation: bot.generation, observedHash, items, mode } }];
};

/** Two readings of the same drift differ only in when they were made. */
export const fingerprint = (items: readonly DriftItem[]): string =>
  JSON.stringify(items.map((item) => [item.class, item.path, item.observed]));

const isSame = (a: Endpoint, b: Endpoint | null): boolean => a.url === b?.url && a.pid === b.pid;
