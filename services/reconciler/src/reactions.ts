// Other services' events → what the reconciler is to do.
import { AssignBot, BotReleased, BotRetired, DestroyBot } from '@molthub/contracts';
import { intend, on, type Reaction } from '@molthub/service';

export const reactions: readonly Reaction[] = [
  on(BotReleased, 'assign', ({ data }) => {
    const { botId, botName, fleetId, fleetStatus, environment, changeSetId, version, generation, hash, resolved } =
      data;
    const target = resolved.spec.target.kind;
    const simulated = resolved.spec.runtime.engine === 'simulated';
    return [
      intend(AssignBot, {
        botId,
        botName,
        fleetId,
        fleetStatus,
        environment,
        changeSetId,
        version,
        generation,
        hash,
        resolved,
        target,
        simulated,
      }),
    ];
  }),
  on(BotRetired, 'destroy', ({ data }) => [
    intend(DestroyBot, { botId: data.botId, fleetId: data.fleetId, reason: 'the bot was deleted' }),
  ]),
];
