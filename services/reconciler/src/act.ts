// Carries out a plan on a target, and notes each step as it really went.
import type { BotError, Step } from '@molthub/contracts';
import { Rejected, unreachable } from '@molthub/decider';
import type { Action } from './plan.ts';
import type { Desired, Observation, Target } from './target.ts';

export type Applied = 'started' | 'hot' | 'restarted' | 'unchanged';

/** What is done to a bot until it settles, over as many looks as that takes. */
export type Acts = {
  /** Looks at the bot; a look that throws is the step at which this attempt failed. */
  readonly observe: (target: Target, desired: Desired) => Promise<Observation>;
  readonly carryOut: (
    target: Target,
    desired: Desired,
    observed: Observation,
    actions: readonly Action[],
  ) => Promise<void>;
  /** The steps since they were last taken: each is told once, before what they came to. */
  readonly takeSteps: () => Step[];
  readonly applied: () => Applied;
  readonly hasStarted: () => boolean;
  /** The step that has begun and not ended. */
  readonly underway: () => { readonly name: string; readonly since: string } | null;
  readonly errorOf: (error: unknown) => BotError;
};

const messageCharactersMax = 500;

export const createActs = (now: () => number): Acts => {
  const steps: Step[] = [];
  let applied: Applied = 'unchanged';
  let failedAt: string | null = null;
  let underway: { readonly name: string; readonly since: string } | null = null;

  const step = async <T>(name: string, work: (say: (message: string) => void) => Promise<T>): Promise<T> => {
    const startedAt = now();
    underway = { name, since: new Date(startedAt).toISOString() };
    const said: string[] = [];
    try {
      return await work((message) => said.push(message));
    } catch (error) {
      failedAt = name;
      said.push(messageOf(error));
      throw error;
    } finally {
      underway = null;
      steps.push({
        name,
        startedAt: new Date(startedAt).toISOString(),
        durationMs: Math.max(0, now() - startedAt),
        message: said.slice(-3).join('; ').slice(0, messageCharactersMax),
      });
    }
  };
  const act = async (target: Target, desired: Desired, action: Action, isStarting: boolean): Promise<void> => {
    switch (action.kind) {
      case 'install':
        return step('install', (say) => target.install(desired, say));
      case 'configure': {
        const configured = await step('configure', (say) => target.configure(desired, say));
        if (configured === 'hot') applied = 'hot';
        if (configured === 'restarted') applied = 'restarted';
        if (configured !== 'needs-restart' || isStarting) return;
        applied = 'restarted';
        return step('restart', (say) => target.restart(desired, say));
      }
      case 'start':
        applied = 'started';
        return step('start', (say) => target.start(desired, say));
      case 'stop':
        return step(action.how === 'hard' ? 'kill' : 'stop', () => target.stop(desired, action.how));
      case 'restart':
        applied = 'restarted';
        return step('restart', (say) => target.restart(desired, say));
      case 'destroy':
        return step('destroy', () => target.destroy(desired));
      default:
        return unreachable(action);
    }
  };
  return {
    observe: async (target, desired) => {
      try {
        return await target.observe(desired);
      } catch (error) {
        failedAt = 'observe';
        throw error;
      }
    },
    carryOut: async (target, desired, observed, actions) => {
      const isStarting = actions.some((action) => action.kind === 'start');
      for (const action of actions) await act(target, desired, action, isStarting);
      if (isStarting && observed.is === 'running') applied = 'restarted';
    },
    takeSteps: () => steps.splice(0),
    applied: () => applied,
    underway: () => underway,
    hasStarted: () => applied === 'started' || applied === 'restarted',
    errorOf: (error) => {
      if (error instanceof Rejected) return { code: error.code, message: rejectionOf(error), permanent: true };
      const at = failedAt ?? 'apply';
      failedAt = null;
      return { code: `reconciler.${at}-failed`, message: messageOf(error), permanent: false };
    },
  };
};

const rejectionOf = (error: Rejected): string => {
  const reasons = error.errors.slice(0, 5).map((reason) => `${reason.path}: ${reason.message}`);
  return [error.message, ...reasons].join('; ').slice(0, messageCharactersMax);
};

/** What went wrong and, where it is known, why. */
const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error).slice(0, messageCharactersMax);
  const why = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message}${why}`.slice(0, messageCharactersMax);
};
