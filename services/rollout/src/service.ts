// rollout: which bot gets which version, when, and how it went.
import {
  AbortChangeSet,
  AskRelease,
  ClearRelease,
  CreateChangeSet,
  FinishChangeSet,
  PlanLayers,
  PlanRelease,
  ReleaseAsked,
  ReleaseBot,
  ReleaseCleared,
  ReleaseRollback,
  RollBackBot,
  RollBackChangeSet,
  SettleBot,
  StartChangeSet,
} from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import { aggregate, asIs, type ServiceDefinition } from '@molthub/service';
import { advance } from './advance.ts';
import { catalogListeners, migrations } from './catalog.ts';
import { clearance, type ClearanceCommand } from './clearance/decider.ts';
import { prepareAsk } from './clearance/prepare.ts';
import { changeSet, type ChangeSetCommand, changeSetEvents } from './decider.ts';
import { changeSets } from './projection.ts';
import { gatheringOf } from './gathering.ts';
import { candidatesOf, fleetStatusOf, partOf, progressOf, releasableOf, releasedBots } from './queries.ts';
import { reactions } from './reactions.ts';
import { botRelease, type ReleaseCommand, releaseEvents } from './release/decider.ts';
import { createWake } from './wake.ts';

export type RolloutSettings = { readonly sweepMs?: number };

const changeSetAggregate = aggregate({
  category: 'change-set',
  commands: [
    PlanRelease,
    PlanLayers,
    CreateChangeSet,
    StartChangeSet,
    AbortChangeSet,
    RollBackChangeSet,
    FinishChangeSet,
  ],
  events: changeSetEvents,
  id: ({ data }) => data.changeSetId,
  decider: changeSet,
  prepare: async (command, reads): Promise<{ readonly command: ChangeSetCommand }> => {
    switch (command.type) {
      case 'rollout.release.plan.v1':
      case 'rollout.change-set.abort.v1':
        return asIs(command);
      case 'rollout.layers.plan.v1':
        return { command: { ...command, gathering: await gatheringOf(command.data.changeSetId, reads) } };
      case 'rollout.change-set.create.v1':
        return { command: { ...command, ...(await candidatesOf(command, reads)) } };
      case 'rollout.change-set.start.v1':
        return { command: { ...command, fleetStatus: await fleetStatusOf(command.data.changeSetId, reads) } };
      case 'rollout.change-set.roll-back.v1':
        return { command: { ...command, releasedBots: await releasedBots(command.data.changeSetId, reads) } };
      case 'rollout.change-set.finish.v1':
        return { command: { ...command, progress: await progressOf(command.data.changeSetId, reads) } };
      default:
        return unreachable(command);
    }
  },
});

/** An abort that commits first makes a command decide again, so nothing is released, or denied, after it. */
const unchanged = (changeSetId: string, version: number) => ({ stream: `change-set-${changeSetId}`, version });

const releaseAggregate = aggregate({
  category: 'release',
  commands: [ReleaseBot, SettleBot, RollBackBot, ReleaseRollback],
  events: releaseEvents,
  id: ({ data }) => `${data.changeSetId}-${data.botId}`,
  decider: botRelease,
  prepare: async (command, reads) => {
    const { changeSetId, botId } = command.data;
    switch (command.type) {
      case 'rollout.bot.settle.v1': {
        if (!command.data.isDenied) return asIs<ReleaseCommand>(command);
        const { status, changeSetVersion } = await partOf(changeSetId, botId, reads);
        const prepared: ReleaseCommand = { ...command, status };
        return { command: prepared, expects: [unchanged(changeSetId, changeSetVersion)] };
      }
      case 'rollout.bot.release-rollback.v1':
        return asIs<ReleaseCommand>(command);
      case 'rollout.bot.release.v1': {
        const part = await releasableOf(changeSetId, botId, reads);
        const prepared: ReleaseCommand = { ...command, part };
        return { command: prepared, expects: [unchanged(changeSetId, part.changeSetVersion)] };
      }
      case 'rollout.bot.roll-back.v1': {
        const prepared: ReleaseCommand = { ...command, part: await partOf(changeSetId, botId, reads) };
        return { command: prepared };
      }
      default:
        return unreachable(command);
    }
  },
});

const clearanceAggregate = aggregate({
  category: 'clearance',
  commands: [AskRelease, ClearRelease],
  events: [ReleaseAsked, ReleaseCleared],
  id: ({ data }) => data.askId,
  decider: clearance,
  prepare: async (command, reads): Promise<{ readonly command: ClearanceCommand }> =>
    command.type === 'rollout.release.ask.v1' ? { command: await prepareAsk(command, reads) } : { command },
});

/** `sweepMs`: how often everything is looked at without being woken; default 5 s. */
export const rollout = ({ sweepMs = 5_000 }: RolloutSettings = {}): ServiceDefinition => {
  const wake = createWake();
  return {
    name: 'rollout',
    migrations,
    aggregates: [changeSetAggregate, clearanceAggregate, releaseAggregate],
    projections: [changeSets],
    reactions,
    listeners: catalogListeners(() => wake.ring('catalog')),
    queries: [],
    jobs: [advance(wake, sweepMs)],
    gatherMs: 40,
  };
};
