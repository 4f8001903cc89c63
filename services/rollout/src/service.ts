// rollout: which bot gets which version, when, and how it went.
import {
  AskRelease,
  ClearRelease,
  LiftHold,
  PlaceHold,
  ReleaseAsked,
  ReleaseBot,
  ReleaseCleared,
  ReleaseRollback,
  RollBackBot,
  SettleBot,
} from '@molthub/contracts';
import { unreachable } from '@molthub/decider';
import { aggregate, asIs, type ServiceDefinition } from '@molthub/service';
import { advance } from './advance.ts';
import { catalogListeners, migrations } from './catalog.ts';
import { clearance, type ClearanceCommand } from './clearance/decider.ts';
import { prepareAsk } from './clearance/prepare.ts';
import { createWebhooks } from './course/webhooks.ts';
import { changeSet, changeSetCommands, changeSetEvents } from './decider.ts';
import { hold, type HoldCommand, holdEvents } from './hold/decider.ts';
import { holds } from './hold/projection.ts';
import { simulate } from './planning/simulate.ts';
import { prepareChangeSet, unchanged } from './prepare.ts';
import { changeSets } from './projection.ts';
import { isKnownBot, partOf, releasableOf } from './queries.ts';
import { reactions } from './reactions.ts';
import { botRelease, type ReleaseCommand, releaseEvents } from './release/decider.ts';
import { createWake } from './wake.ts';

export type RolloutSettings = {
  /** How often everything is looked at without being woken; default 5 s. */
  readonly sweepMs?: number;
  /** How long after its end a window of traces may still be on its way; default 30 s. */
  readonly windowLatenessMs?: number;
  /** Whether gates may ask webhooks on this machine and in private networks; default no. */
  readonly allowsPrivateWebhooks?: boolean;
  /** What requests to webhooks are signed with; default nothing. */
  readonly webhookKey?: Uint8Array | null;
};

const changeSetAggregate = (windowLatenessMs: number) =>
  aggregate({
    category: 'change-set',
    commands: changeSetCommands,
    events: changeSetEvents,
    id: ({ data }) => data.changeSetId,
    decider: changeSet,
    prepare: prepareChangeSet(windowLatenessMs),
    // Whoever promotes what somebody else has promoted is told so.
    conclude: (command, facts, version) => ({
      own: {
        status: 'DONE',
        result: {
          version,
          ...(command.type === 'rollout.change-set.promote.v1' ? { promoted: facts.length > 0 } : {}),
        },
      },
    }),
  });

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

const holdAggregate = aggregate({
  category: 'hold',
  commands: [PlaceHold, LiftHold],
  events: holdEvents,
  id: ({ data }) => data.botId,
  decider: hold,
  prepare: async (command, reads): Promise<{ readonly command: HoldCommand }> =>
    command.type === 'rollout.hold.place.v1'
      ? { command: { ...command, isKnown: await isKnownBot(command, reads) } }
      : { command },
});

export const rollout = (settings: RolloutSettings = {}): ServiceDefinition => {
  const { sweepMs = 5_000, windowLatenessMs = 30_000, allowsPrivateWebhooks = false, webhookKey = null } = settings;
  const wake = createWake();
  const webhooks = createWebhooks({ allowsPrivate: allowsPrivateWebhooks, signingKey: webhookKey });
  return {
    name: 'rollout',
    migrations,
    aggregates: [changeSetAggregate(windowLatenessMs), clearanceAggregate, releaseAggregate, holdAggregate],
    projections: [holds, changeSets],
    reactions,
    listeners: catalogListeners(() => wake.ring('catalog')),
    queries: [simulate],
    jobs: [advance(wake, { sweepMs, windowLatenessMs, webhooks })],
    gatherMs: 40,
  };
};
