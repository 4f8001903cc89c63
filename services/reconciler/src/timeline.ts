// What a person reads about a bot's deployment: one row per step and one per event. Pure.
import type { Recorded, Step } from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import type { BotFact } from './bot.ts';

export type TimelineRow = {
  readonly type: string;
  readonly time: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
};

/** The rows of one event, oldest first: its steps as they went, then what they came to. */
export const timelineOf = (event: Recorded<BotFact>): readonly TimelineRow[] => {
  const steps = 'steps' in event.data ? event.data.steps : [];
  const { message, data } = told(event);
  return [...steps.map(stepRow), { type: event.type, time: event.time, message, data }];
};

const stepRow = (step: Step): TimelineRow => ({
  type: 'reconciler.step',
  time: step.startedAt,
  message: step.message === '' ? step.name : `${step.name}: ${step.message}`,
  data: { step: step.name, durationMs: step.durationMs },
});

const told = (event: Recorded<BotFact>): Pick<TimelineRow, 'message' | 'data'> => {
  switch (event.type) {
    case 'reconciler.bot.assigned.v1': {
      const { version, generation, hash, changeSetId, target, simulated } = event.data;
      return {
        message: `version ${version} was released (generation ${generation})`,
        data: { version, generation, hash, changeSetId, target, simulated },
      };
    }
    case 'reconciler.bot.started.v1': {
      const { generation, endpoint, adopted, simulated } = event.data;
      const how = adopted ? 'is running already and was adopted' : 'answers';
      return { message: `the process ${how} at ${endpoint.url}`, data: { generation, endpoint, adopted, simulated } };
    }
    case 'reconciler.bot.converged.v1': {
      const { version, generation, hash, changeSetId, applied, endpoint, simulated } = event.data;
      return {
        message: `runs version ${version} (generation ${generation}), ${appliedText[applied]}`,
        data: { version, generation, hash, changeSetId, applied, endpoint, simulated },
      };
    }
    case 'reconciler.bot.failed.v1': {
      const { generation, changeSetId, error, attempt, simulated } = event.data;
      return {
        message: `attempt ${attempt} failed: ${error.message}`,
        data: { generation, changeSetId, error, attempt, simulated },
      };
    }
    case 'reconciler.bot.stopped.v1':
      return { message: because('stopped', event.data.reason), data: { reason: event.data.reason } };
    case 'reconciler.bot.paused.v1':
      return { message: 'paused: its channels are cut', data: {} };
    case 'reconciler.bot.destroyed.v1':
      return { message: 'destroyed', data: {} };
    case 'reconciler.bot.action-accepted.v1': {
      const { action, reason } = event.data;
      const by = event.actor.name;
      return { message: because(`${action} was asked for by ${by}`, reason), data: { action, reason, actor: by } };
    }
    case 'reconciler.drift.detected.v1': {
      const { items, mode, generation, observedHash } = event.data;
      const paths = items.slice(0, 3).map((item) => `${item.class} ${item.path}`);
      return { message: `drifted: ${paths.join(', ')}`, data: { items, mode, generation, observedHash } };
    }
    case 'reconciler.drift.revert-accepted.v1': {
      const { classes, reason } = event.data;
      const by = event.actor.name;
      return { message: because(`revert was asked for by ${by}`, reason), data: { classes, reason, actor: by } };
    }
    case 'reconciler.drift.healed.v1': {
      const { classes, generation, endpoint, simulated } = event.data;
      return { message: `healed: ${classes.join(', ')}`, data: { classes, generation, endpoint, simulated } };
    }
    default:
      return unreachable(event);
  }
};

const appliedText = {
  started: 'after a start',
  hot: 'changed while it ran',
  restarted: 'after a restart',
  unchanged: 'as it did before',
} as const;

const because = (what: string, reason: string) => (reason === '' ? what : `${what}: ${reason}`);
