// Commands and facts of one bot, for tests of its decider.
import { type FleetStatus, Manifest, type Problem } from '@molthub/contracts';
import { specification } from '@molthub/decider/testing';
import { canonicalHash, resolve } from '@molthub/manifest';
import { type KnownProfile, type Layers, noLayers } from '../layers/known-layers.ts';
import { bots } from './decider.ts';
import type { BotCommand, FleetFacts, Resolution } from './prepared.ts';
import type { BotFact } from './state.ts';

export const id = (n: number) => `00000000-0000-4000-8000-0000000000${String(n).padStart(2, '0')}`;
export const [botId, fleetId, changeSetId] = [id(1), id(2), id(3)];
export const author = { kind: 'user', id: 'u', name: 'Ada' } as const;

export const manifestWith = (level: string, name = 'anna') =>
  Manifest.parse({
    apiVersion: 'molthub/v1',
    kind: 'MoltbotInstance',
    metadata: { name },
    spec: {
      runtime: { engine: 'openclaw', version: '2026.9.6' },
      target: { kind: 'local' },
      config: { logging: { level } },
    },
  });
export const resolved = (level: string, name = 'anna') =>
  resolve(manifestWith(level, name), { workspace: 'default', fleetName: 'support', environment: 'dev' });
export const hashOf = (level: string) => canonicalHash(resolved(level));

export const fleetIn = (status: FleetStatus = 'ACTIVE', mode: 'auto' | 'manual' = 'auto'): FleetFacts => ({
  fleetId,
  name: 'support',
  environment: 'dev',
  status,
  release: { mode, strategy: { kind: 'ALL' } },
  enforcedPolicyPackIds: [],
});
export const envelope = (n: number) => ({
  id: id(n),
  workspace: 'default',
  actor: author,
  correlationId: 'c',
  causationId: null,
  time: '2026-11-21T10:00:00.000Z',
  records: true,
});
export const soundly = (level: string, name = 'anna') =>
  ({
    sound: true as const,
    resolved: resolved(level, name),
    hash: canonicalHash(resolved(level, name)),
    layers: { version: 0, applied: [] },
  }) satisfies Resolution;

export const askAgain = (n: number, proposal: number, asked: number): BotCommand => ({
  ...envelope(n),
  type: 'config.verdict.ask-again.v1',
  data: { botId, proposalId: id(proposal), asked },
});
export const create = (n: number, fleet: FleetFacts | null = fleetIn(), problems?: readonly Problem[]): BotCommand => ({
  ...envelope(n),
  type: 'config.bot.create.v1',
  data: { botId, fleetId, manifest: manifestWith('info') },
  fleet,
  resolution: problems ? { sound: false, problems } : soundly('info'),
});
export const propose = (
  n: number,
  level: string,
  more: { expectedVersion?: number; name?: string } = {},
): BotCommand => ({
  ...envelope(n),
  type: 'config.manifest.propose.v1',
  data: {
    botId,
    manifest: manifestWith(level, more.name),
    reason: 'because',
    ...(more.expectedVersion ? { expectedVersion: more.expectedVersion } : {}),
  },
  fleet: fleetIn(),
  resolution: soundly(level, more.name),
});
export const rollBack = (
  n: number,
  earlier: { version: number; level: string } | null,
  more: { toVersion?: number; fromVersion?: number; forChangeSetId?: string } = {},
): BotCommand => ({
  ...envelope(n),
  type: 'config.manifest.roll-back.v1',
  data: { botId, reason: 'because', ...more },
  fleet: fleetIn(),
  earlier: earlier && { ...soundly(earlier.level), version: earlier.version, manifest: manifestWith(earlier.level) },
  layers: { version: 0, hash: earlier && hashOf(earlier.level) },
});
export const denial: Problem = {
  path: 'spec.config.gateway.bind',
  code: 'gateway-host-binding',
  message: 'Loopback only.',
};
export const conclude = (
  n: number,
  of: number,
  valid = true,
  fleet: FleetFacts | null = fleetIn(),
  layers: Layers = noLayers,
): BotCommand => ({
  ...envelope(n),
  type: 'config.manifest.conclude.v1',
  data: { botId, proposalId: id(of), valid, errors: valid ? [] : [denial] },
  fleet,
  layers,
});
/** A profile that says the log level where a bot does not, and one that says something else. */
export const profile = (defaults: KnownProfile['content']['defaults']): Layers => ({
  version: 7,
  all: [
    {
      kind: 'profile',
      id: id(60),
      version: 2,
      author,
      content: {
        name: 'quiet',
        description: '',
        fleetIds: [],
        priority: 1,
        defaults,
        strategies: {},
        lockedFields: [],
        allowInstanceOverrides: true,
        isActive: true,
      },
    },
  ],
});
export const resolveAgain = (
  n: number,
  newest: number,
  level: string,
  more: { problems?: readonly Problem[]; isAutomatic?: boolean } = {},
): BotCommand => ({
  ...envelope(n),
  type: 'config.manifest.resolve-again.v1',
  data: {
    botId,
    changeSetId,
    reason: 'profile quiet updated',
    ...(more.isAutomatic ? { isAutomatic: true } : {}),
  },
  fleet: fleetIn(),
  newest: { version: newest, manifest: manifestWith('info') },
  resolution: more.problems ? { sound: false, problems: more.problems } : soundly(level),
});
export const retire: BotCommand = { ...envelope(40), type: 'config.bot.retire.v1', data: { botId } };

export const { given } = specification(bots);
export const run = (...commands: readonly BotCommand[]): readonly BotFact[] =>
  commands.reduce<readonly BotFact[]>((facts, command) => {
    const state = facts.reduce(bots.evolve, bots.initial);
    return [...facts, ...bots.decide(command, state)];
  }, []);
export const last = (facts: readonly BotFact[]) => facts.at(-1);
export const anna = run(create(10), conclude(11, 10));
