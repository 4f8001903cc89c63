// From what was observed to what is asked: which actions, in which order. Pure.
import { unreachable } from '@molthub/decider';
import type { Desired, Difference, Observation, Running } from './target.ts';

export type Action =
  | { readonly kind: 'install' }
  | { readonly kind: 'configure' }
  | { readonly kind: 'start' }
  | { readonly kind: 'stop'; readonly how: 'clean' | 'hard' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'destroy' };

/** The shortest way to what is asked; none when it is reached, or when nobody can say what is there. */
export const planActions = (desired: Desired, observed: Observation): readonly Action[] => {
  if (observed.is === 'unknown' || observed.is === 'foreign') return [];
  switch (desired.run) {
    case 'DESTROYED':
      return observed.is === 'absent' ? [] : [{ kind: 'destroy' }];
    case 'STOPPED':
      return observed.is === 'running' ? [{ kind: 'stop', how: howToStop(observed) }] : [];
    case 'RUNNING':
    case 'PAUSED':
      return observed.is === 'running' ? correct(desired, observed) : fromNothing;
    default:
      return unreachable(desired.run);
  }
};

const fromNothing: readonly Action[] = [{ kind: 'install' }, { kind: 'configure' }, { kind: 'start' }];

const correct = (desired: Desired, observed: Running): readonly Action[] => {
  // Installed before it is stopped, so that a long download costs no downtime.
  if (needsOtherVersion(desired, observed)) {
    return [{ kind: 'install' }, { kind: 'stop', how: howToStop(observed) }, { kind: 'configure' }, { kind: 'start' }];
  }
  if (observed.answers === 'no') return [{ kind: 'stop', how: 'hard' }, { kind: 'configure' }, { kind: 'start' }];
  const configure: readonly Action[] = needsConfiguring(desired, observed) ? [{ kind: 'configure' }] : [];
  return observed.restarts < desired.restarts ? [...configure, { kind: 'restart' }] : configure;
};

const howToStop = (observed: Running) => (observed.answers === 'no' ? ('hard' as const) : ('clean' as const));

const needsOtherVersion = (desired: Desired, observed: Running) => {
  const wanted = desired.resolved.spec.runtime.version ?? null;
  return wanted !== null && observed.version !== null && wanted !== observed.version;
};

const needsConfiguring = (desired: Desired, observed: Running) =>
  observed.hash !== desired.hash ||
  observed.generation !== desired.generation ||
  observed.differences.length > 0 ||
  (observed.channels === 'cut') !== (desired.run === 'PAUSED');

/** Everything in which a bot that should be settled is not; empty means that it is in sync. */
export const differencesOf = (desired: Desired, observed: Observation): readonly Difference[] => {
  const process = (observedAs: string): Difference => ({
    class: 'process',
    path: 'process',
    desired: 'running',
    observed: observedAs,
    owner: 'unknown',
  });
  if (desired.run === 'DESTROYED') return [];
  switch (observed.is) {
    case 'absent':
      return desired.run === 'STOPPED' ? [] : [{ ...process('absent'), class: 'missing', path: 'bot' }];
    case 'stopped':
      return desired.run === 'STOPPED' ? [] : [process(observed.detail)];
    case 'running':
      if (desired.run === 'STOPPED') return [{ ...process('running'), desired: 'stopped' }];
      return observed.answers === 'no' ? [process('hung')] : ofRunning(desired, observed);
    case 'foreign':
      return [{ class: 'orphan', path: 'bot', desired: desired.botId, observed: observed.detail, owner: 'unknown' }];
    case 'unknown':
      return [];
    default:
      return unreachable(observed);
  }
};

const ofRunning = (desired: Desired, observed: Running): readonly Difference[] => {
  const wanted = desired.resolved.spec.runtime.version ?? null;
  const version: readonly Difference[] = needsOtherVersion(desired, observed)
    ? [
        {
          class: 'version',
          path: 'spec.runtime.version',
          desired: wanted,
          observed: observed.version,
          owner: 'unknown',
        },
      ]
    : [];
  const cut = desired.run === 'PAUSED';
  const channels: readonly Difference[] =
    (observed.channels === 'cut') === cut
      ? []
      : [
          {
            class: 'config',
            path: 'channels',
            desired: cut ? 'cut' : 'open',
            observed: observed.channels,
            owner: 'unknown',
          },
        ];
  const found = [...version, ...channels, ...observed.differences];
  if (found.length > 0 || observed.hash === desired.hash) return found;
  // A target that cannot say what differs still must not hide that something does.
  return [{ class: 'config', path: 'spec', desired: desired.hash, observed: observed.hash, owner: 'unknown' }];
};
